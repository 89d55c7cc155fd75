{{ config(enabled=px_loaded('session_events')) }}

with starts as (
    select
        coalesce(session_id, event_id) as session_id,
        min(identify_id) as identify_id,
        min(account_id) as account_id,
        min(property_key) as property_key,
        min(country_code) as country_code,
        min(happened_at) as started_at
    from {{ ref('stg_gainsight_px__session_events') }}
    where happened_at is not null
    group by coalesce(session_id, event_id)
),

events as (
    select
        session_id,
        max(happened_at) as last_event_at,
        count(*) as events,
        count(case when stream = 'page_view_events' then 1 end) as page_views,
        count(case when stream = 'feature_match_events' then 1 end) as feature_uses,
        count(case when stream = 'custom_events' then 1 end) as custom_events
    from {{ ref('int_gainsight_px__events') }}
    where session_id is not null and stream <> 'session_events'
    group by session_id
),

sessions as (
    select
        starts.*,
        greatest(starts.started_at, coalesce(events.last_event_at, starts.started_at)) as last_event_at,
        coalesce(events.events, 0) as events,
        coalesce(events.page_views, 0) as page_views,
        coalesce(events.feature_uses, 0) as feature_uses,
        coalesce(events.custom_events, 0) as custom_events
    from starts
    left join events on starts.session_id = events.session_id
)

select
    sessions.*,
    {{ px_day('started_at') }} as day,
    {{ dbt.datediff('started_at', 'last_event_at', 'second') }} as seconds
from sessions
