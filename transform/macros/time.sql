{#- A time of the loader's, of a column of this type, as a time in UTC without a zone. -#}
{% macro px_utc(expression, type) %}
    {{- return(adapter.dispatch('px_utc', 'gainsight_px')(expression, type)) -}}
{% endmacro %}

{#- target-postgres makes `timestamp without time zone`, in UTC. -#}
{% macro default__px_utc(expression, type) %}{{ return(expression) }}{% endmacro %}

{#-
  target-snowflake makes what its `timestamp_type` says. TIMESTAMP_NTZ is in UTC as it stands: a cast to another type would
  take it for a time in the time zone of the session.
-#}
{% macro snowflake__px_utc(expression, type) %}
    {%- if 'NTZ' in type %}{{ return(expression) }}{% endif -%}
    {{- return("convert_timezone('UTC', " ~ expression ~ ")::timestamp_ntz") -}}
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
{% macro px_first_day(period, day) %}
    {{- return(adapter.dispatch('px_first_day', 'gainsight_px')(period, day)) -}}
{% endmacro %}
{% macro default__px_first_day(period, day) %}
    {{- return('cast(' ~ dbt.date_trunc(period, day) ~ ' as date)') -}}
{% endmacro %}

{#- What `date_trunc` takes for the first day of a week is a parameter of the account, WEEK_START. -#}
{% macro snowflake__px_first_day(period, day) %}
    {%- if period == 'week' %}{{ return(px_days_after('1 - dayofweekiso(' ~ day ~ ')', day)) }}{% endif -%}
    {{- return(gainsight_px.default__px_first_day(period, day)) -}}
{% endmacro %}


{#- A day so many days before or after another. -#}
{% macro px_days_after(number, day) %}cast({{ dbt.dateadd('day', number, day) }} as date){% endmacro %}
