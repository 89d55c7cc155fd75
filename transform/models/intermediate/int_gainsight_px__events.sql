{%- set subjects = {
    'custom_events': 'event_name',
    'engagement_view_events': 'engagement_id',
    'feature_match_events': 'feature_id',
    'form_submit_events': 'path',
    'page_view_events': 'path',
    'session_events': none,
    'survey_responses': 'engagement_id',
} -%}
{%- set activity_streams = var('gainsight_px_activity_streams') -%}
{%- set loaded = [] -%}
{%- for stream in subjects if px_loaded(stream) %}{% do loaded.append(stream) %}{% endfor -%}
{%- if not loaded %}{{ exceptions.raise_compiler_error('gainsight_px: no stream of events is loaded') }}{% endif -%}

with events as (
    {%- for stream in loaded %}
    select
        event_id,
        '{{ stream }}' as stream,
        {{ subjects[stream] or 'cast(null as ' ~ dbt.type_string() ~ ')' }} as subject,
        {{ 'true' if stream in activity_streams else 'false' }} as is_activity,
        identify_id,
        account_id,
        user_type,
        property_key,
        session_id,
        happened_at
    from {{ ref('stg_gainsight_px__' ~ stream) }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
)

select
    {{ px_key(['stream', 'event_id']) }} as event_key,
    event_id,
    stream,
    subject,
    is_activity,
    identify_id,
    account_id,
    user_type,
    property_key,
    session_id,
    happened_at,
    {{ px_day('happened_at') }} as day
from events
where happened_at is not null
