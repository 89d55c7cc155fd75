{{ config(enabled=px_loaded('engagement_view_events')) }}
{% set columns = px_columns('engagement_view_events') %}

with newest as (
    {{ px_newest('engagement_view_events', 'eventId') }}
)

select
    {{ px_event_columns(columns) }},
    {{ px_text(columns, 'engagementId') }} as engagement_id,
    {{ px_text(columns, 'engagementTrackType') }} as engagement_track_type,
    {{ px_text(columns, 'contentId') }} as content_id,
    {{ px_text(columns, 'contentType') }} as content_type,
    {{ px_text(columns, 'executionId') }} as execution_id,
    {{ px_text(columns, 'carouselState') }} as carousel_state,
    {{ px_text(columns, 'guideState') }} as guide_state,
    {{ px_text(columns, 'surveyState') }} as survey_state,
    {{ px_text(columns, 'path') }} as path
from newest
