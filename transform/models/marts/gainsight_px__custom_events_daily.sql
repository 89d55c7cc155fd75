{{ config(enabled=px_loaded('custom_events')) }}

select
    {{ px_key(['day', 'subject']) }} as event_day_key,
    day,
    subject as event_name,
    count(*) as events,
    count(distinct identify_id) as users,
    count(distinct account_id) as accounts
from {{ ref('int_gainsight_px__events') }}
where stream = 'custom_events'
group by day, subject
