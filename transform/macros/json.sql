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


{#- One value of an object, as text or cast to another type; null if it is not set. -#}
{% macro px_json_value(expression, key, type=none) %}
    {%- set value = "nullif(" ~ px_json_text(expression, key | replace("'", "''")) ~ ", '')" -%}
    {%- if type %}cast({{ value }} as {{ type }}){% else %}{{ value }}{% endif -%}
{% endmacro %}

{% macro px_json_text(expression, key) %}
    {{- return(adapter.dispatch('px_json_text', 'gainsight_px')(expression, key)) -}}
{% endmacro %}
{% macro default__px_json_text(expression, key) %}{{ return("(" ~ expression ~ " ->> '" ~ key ~ "')") }}{% endmacro %}
{% macro snowflake__px_json_text(expression, key) %}
    {{- return("get(" ~ expression ~ ", '" ~ key ~ "')::varchar") -}}
{% endmacro %}


{#- The attributes that a variable asks for, each as a column. -#}
{% macro px_attribute_columns(expression, variable) %}
    {%- for attribute in var(variable) %},
    {{ px_json_value(expression, attribute.name, attribute.type) }} as {{ attribute.column }}
    {%- endfor -%}
{% endmacro %}
