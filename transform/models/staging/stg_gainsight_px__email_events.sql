{{ config(enabled=px_loaded('email_events')) }}
{% set columns = px_columns('email_events') %}

with newest as (
    {{ px_newest('email_events', 'eventId') }}
)

select
    {{ px_event_columns(columns) }},
    {{ px_text(columns, 'engagementId') }} as engagement_id,
    {{ px_text(columns, 'email') }} as email,
    {{ px_set_value(columns, 'emailTrackType') }} as email_track_type,
    {{ px_set_value(columns, 'bounceType') }} as bounce_type,
    {{ px_text(columns, 'linkUrl') }} as link_url
from newest
