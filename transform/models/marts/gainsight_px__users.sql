with activity as (
    {{ px_recent_activity('gainsight_px__user_daily_activity', 'identify_id') }}
)

select
    users.*,
    accounts.account_name,
    activity.first_active_day,
    activity.last_active_day,
    coalesce(activity.events, 0) as events,
    coalesce(activity.active_days_in_four_weeks, 0) as active_days_in_four_weeks,
    coalesce(activity.events_in_four_weeks, 0) as events_in_four_weeks
from {{ ref('stg_gainsight_px__users') }} as users
left join {{ ref('stg_gainsight_px__accounts') }} as accounts on users.account_id = accounts.account_id
left join activity on users.identify_id = activity.identify_id
where users.deleted_at is null
