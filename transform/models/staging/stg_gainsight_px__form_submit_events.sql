{{ config(enabled=px_loaded('form_submit_events')) }}
{% set columns = px_columns('form_submit_events') %}

with newest as (
    {{ px_newest('form_submit_events', 'eventId') }}
)

select
    {{ px_event_columns(columns) }},
    {{ px_text(columns, 'path') }} as path,
    {{ px_json(columns, 'formData') }} as form_data
from newest
