with accounts as (
    select *
    from {{ ref('stg_gainsight_px__accounts') }}
    where deleted_at is null
),

users as (
    select
        account_id,
        count(*) as users
    from {{ ref('stg_gainsight_px__users') }}
    where deleted_at is null
    group by account_id
),

activity as (
    {{ px_recent_activity('gainsight_px__account_daily_activity', 'account_id') }}
),

active_users as (
    select
        activity.account_id,
        count(distinct activity.identify_id) as active_users
    from {{ ref('gainsight_px__user_daily_activity') }} as activity
    cross join (select max(day) as day from {{ ref('int_gainsight_px__days') }}) as last_day
    where activity.day > {{ px_days_after(-28, 'last_day.day') }}
    group by activity.account_id
)

select
    accounts.*,
    coalesce(users.users, 0) as users,
    activity.first_active_day,
    activity.last_active_day,
    coalesce(activity.events, 0) as events,
    coalesce(active_users.active_users, 0) as active_users_in_four_weeks,
    coalesce(activity.active_days_in_four_weeks, 0) as active_days_in_four_weeks,
    coalesce(activity.events_in_four_weeks, 0) as events_in_four_weeks
from accounts
left join users on accounts.account_id = users.account_id
left join activity on accounts.account_id = activity.account_id
left join active_users on accounts.account_id = active_users.account_id
