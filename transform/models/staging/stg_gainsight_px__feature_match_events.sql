{{ config(enabled=px_loaded('feature_match_events')) }}
{% set columns = px_columns('feature_match_events') %}

with newest as (
    {{ px_newest('feature_match_events', 'eventId') }}
)

select
    {{ px_event_columns(columns) }},
    {{ px_text(columns, 'featureId') }} as feature_id
from newest
