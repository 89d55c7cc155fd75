{{ config(enabled=px_loaded('page_view_events')) }}
{% set columns = px_columns('page_view_events') %}

with newest as (
    {{ px_newest('page_view_events', 'eventId') }}
)

select
    {{ px_event_columns(columns) }},
    {{ px_text(columns, 'host') }} as host,
    {{ px_text(columns, 'path') }} as path,
    {{ px_text(columns, 'pageTitle') }} as page_title,
    {{ px_text(columns, 'referrer') }} as referrer
from newest
