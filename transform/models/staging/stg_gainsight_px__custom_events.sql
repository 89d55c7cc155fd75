{{ config(enabled=px_loaded('custom_events')) }}
{% set columns = px_columns('custom_events') %}

with newest as (
    {{ px_newest('custom_events', 'eventId') }}
)

select
    {{ px_event_columns(columns) }},
    {{ px_text(columns, 'eventName') }} as event_name,
    {{ px_text(columns, 'url') }} as url,
    {{ px_json(columns, 'attributes') }} as attributes
    {{- px_attribute_columns(px_json(columns, 'attributes'), 'gainsight_px_custom_event_attributes') }}
from newest
