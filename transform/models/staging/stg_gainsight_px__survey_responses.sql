{{ config(enabled=px_loaded('survey_responses')) }}
{% set columns = px_columns('survey_responses') %}

with newest as (
    {{ px_newest('survey_responses', 'eventId') }}
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
    {{ px_text(columns, 'path') }} as path,
    {{ px_integer(columns, 'score') }} as score,
    {{ px_text(columns, 'comment') }} as comment,
    {{ px_text(columns, 'questionType') }} as question_type,
    {{ px_list(columns, 'selectionIds') }} as selection_ids,
    {{ px_boolean(columns, 'contactMeAllowed') }} as is_contact_allowed
from newest
