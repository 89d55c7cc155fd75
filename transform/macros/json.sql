{#- An object. target-postgres writes the null of JSON where there is none, which `is null` does not find. -#}
{% macro px_json(columns, name) %}
    {{- px_or_null(columns, name, px_json_or_null(px_name(name)), px_json_type()) -}}
{% endmacro %}

{% macro px_json_or_null(expression) %}
    {{- return(adapter.dispatch('px_json_or_null', 'gainsight_px')(expression)) -}}
{% endmacro %}
{% macro default__px_json_or_null(expression) %}{{ return("nullif(" ~ expression ~ ", 'null'::jsonb)") }}{% endmacro %}
{% macro snowflake__px_json_or_null(expression) %}
    {{- return("case when typeof(" ~ expression ~ ") <> 'NULL_VALUE' then " ~ expression ~ " end") -}}
{% endmacro %}

{% macro px_json_type() %}{{ return(adapter.dispatch('px_json_type', 'gainsight_px')()) }}{% endmacro %}
{% macro default__px_json_type() %}{{ return('jsonb') }}{% endmacro %}
{% macro snowflake__px_json_type() %}{{ return('variant') }}{% endmacro %}


{#- One value of an object, as text or cast to another type; null if it is not set, or not of that type. -#}
{% macro px_json_value(expression, key, type=none) %}
    {%- set value = "nullif(" ~ px_json_text(expression, key | replace("'", "''")) ~ ", '')" -%}
    {{- px_cast(value, type) if type else value -}}
{% endmacro %}


{#- A text as another type. PX lets one attribute hold numbers, booleans and text: what does not fit is null. -#}
{% macro px_cast(value, type) %}
    {{- return(adapter.dispatch('px_cast', 'gainsight_px')(value, type)) -}}
{% endmacro %}

{#- Postgres refuses to cast what does not fit: so numbers and booleans are looked at before. Other types it may refuse. -#}
{% macro default__px_cast(value, type) %}
    {%- set kind = type | lower -%}
    {%- if kind.startswith(('numeric', 'decimal', 'int', 'bigint', 'smallint', 'float', 'real', 'double')) -%}
        {%- set number = '^[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][-+]?[0-9]{1,3})?$' -%}
        {{- return("cast(cast(case when " ~ value ~ " ~ '" ~ number ~ "' then " ~ value ~ " end as numeric) as " ~ type ~ ")") -}}
    {%- elif kind.startswith('bool') -%}
        {{- return("case lower(" ~ value ~ ") when 'true' then true when 'false' then false end") -}}
    {%- else -%}
        {{- return("cast(" ~ value ~ " as " ~ type ~ ")") -}}
    {%- endif -%}
{% endmacro %}

{#- A number of Snowflake's that is not told its digits has none behind the point. -#}
{% macro snowflake__px_cast(value, type) %}
    {%- set number = type | lower in ('numeric', 'number', 'decimal') -%}
    {{- return("try_cast(" ~ value ~ " as " ~ ('numeric(38, 9)' if number else type) ~ ")") -}}
{% endmacro %}

{% macro px_json_text(expression, key) %}
    {{- return(adapter.dispatch('px_json_text', 'gainsight_px')(expression, key)) -}}
{% endmacro %}
{% macro default__px_json_text(expression, key) %}{{ return("(" ~ expression ~ " ->> '" ~ key ~ "')") }}{% endmacro %}
{#- In a text of Snowflake's, a backslash escapes. -#}
{% macro snowflake__px_json_text(expression, key) %}
    {{- return("(" ~ expression ~ ")['" ~ (key | replace("\\", "\\\\")) ~ "']::varchar") -}}
{% endmacro %}


{#- The attributes that a variable asks for, each as a column. -#}
{% macro px_attribute_columns(expression, variable) %}
    {%- for attribute in var(variable) %},
    {{ px_json_value(expression, attribute.name, attribute.type) }} as {{ attribute.column }}
    {%- endfor -%}
{% endmacro %}
