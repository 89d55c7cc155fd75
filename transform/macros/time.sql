{#- A time of the loader's as a time in UTC without a zone. -#}
{% macro px_utc(expression) %}
    {{- return(adapter.dispatch('px_utc', 'gainsight_px')(expression)) -}}
{% endmacro %}

{#- target-postgres makes `timestamp without time zone`, in UTC. -#}
{% macro default__px_utc(expression) %}{{ return(expression) }}{% endmacro %}

{#- target-snowflake makes what its `timestamp_type` says: TIMESTAMP_TZ, or TIMESTAMP_NTZ in UTC. -#}
{% macro snowflake__px_utc(expression) %}
    {{- return("convert_timezone('UTC', " ~ expression ~ "::timestamp_tz)::timestamp_ntz") -}}
{% endmacro %}


{#- The day of a time in the time zone of `gainsight_px_timezone`. -#}
{% macro px_day(expression) %}
    {%- set zone = var('gainsight_px_timezone') -%}
    {%- if zone == 'UTC' -%}cast({{ expression }} as date)
    {%- else -%}cast({{ px_local(expression, zone) }} as date)
    {%- endif -%}
{% endmacro %}

{% macro px_local(expression, zone) %}
    {{- return(adapter.dispatch('px_local', 'gainsight_px')(expression, zone)) -}}
{% endmacro %}
{% macro default__px_local(expression, zone) %}
    {{- return(expression ~ " at time zone 'UTC' at time zone '" ~ zone ~ "'") -}}
{% endmacro %}
{% macro snowflake__px_local(expression, zone) %}
    {{- return("convert_timezone('UTC', '" ~ zone ~ "', " ~ expression ~ ")") -}}
{% endmacro %}


{#- The first day of the week (Monday) or month of a day. -#}
{% macro px_first_day(period, day) %}cast({{ dbt.date_trunc(period, day) }} as date){% endmacro %}


{#- A day so many days before or after another. -#}
{% macro px_days_after(number, day) %}cast({{ dbt.dateadd('day', number, day) }} as date){% endmacro %}
