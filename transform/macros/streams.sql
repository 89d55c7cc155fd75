{#- The streams of what users do in the product, and what an event of each is about. -#}
{% macro px_event_subjects() %}
    {{- return({
        'custom_events': 'event_name',
        'engagement_view_events': 'engagement_id',
        'feature_match_events': 'feature_id',
        'form_submit_events': 'path',
        'page_view_events': 'path',
        'session_events': none,
        'survey_responses': 'engagement_id',
    }) -}}
{% endmacro %}

{#- Refuse a stream that is none of them: its events would be missing without a word. -#}
{% macro px_check_event_stream(stream, variable) %}
    {%- set streams = px_event_subjects() | list -%}
    {%- if stream not in streams -%}
        {{- exceptions.raise_compiler_error(
            variable ~ ": " ~ stream ~ " is not one of the streams " ~ streams | join(', ')
        ) -}}
    {%- endif -%}
{% endmacro %}


{#- Whether a stream is loaded. -#}
{% macro px_loaded(stream) %}
    {{- return(stream not in var('gainsight_px_not_loaded')) -}}
{% endmacro %}


{#- The newest row of each key. Loaders that append keep the earlier ones as well; `_sdc_sequence` tells their order. -#}
{% macro px_newest(stream, key) %}
    {%- set columns = px_columns(stream) -%}
    select *
    from (
        select
            loaded.*,
            row_number() over (
                partition by {{ px_name(key) }}
                order by {{ px_integer(columns, '_sdc_sequence') }} desc nulls last
            ) as px_row_number
        from {{ source('gainsight_px', stream) }} as loaded
    ) as numbered
    where px_row_number = 1
{%- endmacro %}


{#- The columns that all events have. -#}
{% macro px_event_columns(columns) %}
    {{- px_text(columns, 'eventId') }} as event_id,
    {{ px_text(columns, 'identifyId') }} as identify_id,
    {{ px_text(columns, 'accountId') }} as account_id,
    {{ px_set_value(columns, 'userType') }} as user_type,
    {{ px_text(columns, 'propertyKey') }} as property_key,
    {{ px_text(columns, 'sessionId') }} as session_id,
    {{ px_time(columns, 'date') }} as happened_at,
    {{ px_time(columns, '_sdc_received_at') }} as loaded_at
{%- endmacro %}
