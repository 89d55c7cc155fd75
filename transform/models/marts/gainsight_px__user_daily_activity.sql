select
    {{ px_key(['day', 'identify_id', 'account_id']) }} as user_day_key,
    day,
    identify_id,
    account_id,
    count(*) as events,
    count(distinct session_id) as sessions,
    count(case when stream = 'page_view_events' then 1 end) as page_views,
    count(case when stream = 'feature_match_events' then 1 end) as feature_uses,
    count(case when stream = 'custom_events' then 1 end) as custom_events,
    min(happened_at) as first_event_at,
    max(happened_at) as last_event_at
from {{ ref('int_gainsight_px__events') }}
where is_activity and identify_id is not null
group by day, identify_id, account_id
