{{ config(enabled=px_loaded('session_events')) }}
{% set columns = px_columns('session_events') %}

with newest as (
    {{ px_newest('session_events', 'eventId') }}
)

select
    {{ px_event_columns(columns) }},
    {{ px_json_value(px_json(columns, 'inferredLocation'), 'countryCode') }} as country_code
from newest
