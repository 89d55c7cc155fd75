{%- set subjects = px_event_subjects() -%}
{%- set activity_streams = var('gainsight_px_activity_streams') -%}
{%- for stream in activity_streams %}{{ px_check_event_stream(stream, 'gainsight_px_activity_streams') }}{% endfor -%}
{%- set loaded = subjects | reject('in', var('gainsight_px_not_loaded')) | list -%}
{%- if not loaded | select('in', activity_streams) | list -%}
    {{ exceptions.raise_compiler_error('gainsight_px_activity_streams: no stream of activity is loaded') }}
{%- endif -%}

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
