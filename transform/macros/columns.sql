{#-
  Columns of the loader's tables. A column that a table does not have (its field is not selected, or PX has never sent it)
  is null. Not known yet, as in a unit test, or when no table is there: taken to be there.
-#}

{#- The types of a stream's columns by their names in lower case; nothing if they are not known. -#}
{% macro px_columns(stream) %}
    {%- set table = source('gainsight_px', stream) -%}
    {%- if not execute or table.is_cte -%}
        {{- return({}) -}}
    {%- endif -%}
    {%- set types = {} -%}
    {%- for column in adapter.get_columns_in_relation(table) %}{% do types.update({column.name | lower: column.dtype}) %}{% endfor -%}
    {{- return(types) -}}
{% endmacro %}


{#- The name of a column as the loader has made it. -#}
{% macro px_name(name) %}
    {{- return(adapter.dispatch('px_name', 'gainsight_px')(name)) -}}
{% endmacro %}

{#- target-postgres keeps the case of names. -#}
{% macro default__px_name(name) %}{{ return('"' ~ name ~ '"') }}{% endmacro %}

{#- target-snowflake makes them upper case. -#}
{% macro snowflake__px_name(name) %}{{ return('"' ~ (name | upper) ~ '"') }}{% endmacro %}


{#- The expression, or a null of the type where the table lacks the column. -#}
{% macro px_or_null(columns, name, expression, type) %}
    {%- if columns and name | lower not in columns -%}cast(null as {{ type }})
    {%- else -%}{{ expression }}
    {%- endif -%}
{% endmacro %}

{#- Text; PX sends "" for what is not set. -#}
{% macro px_text(columns, name) %}
    {{- px_or_null(columns, name, "nullif(" ~ px_name(name) ~ ", '')", dbt.type_string()) -}}
{% endmacro %}

{#- One of a set of values; PX sends EMPTY_GENDER, EMPTY_USER_TYPE and the like for what is not set. -#}
{% macro px_set_value(columns, name) %}
    {%- set value = "nullif(" ~ px_name(name) ~ ", '')" -%}
    {{- px_or_null(columns, name, "case when left(" ~ value ~ ", 6) <> 'EMPTY_' then " ~ value ~ " end", dbt.type_string()) -}}
{% endmacro %}

{#- A time, UTC, without a zone. The tap has made null of 0 and "". -#}
{% macro px_time(columns, name) %}
    {{- px_or_null(columns, name, px_utc(px_name(name), columns.get(name | lower, '')), dbt.type_timestamp()) -}}
{% endmacro %}

{% macro px_integer(columns, name) %}
    {{- px_or_null(columns, name, px_name(name), dbt.type_bigint()) -}}
{% endmacro %}

{#- A number for which PX sends 0 where it is not set; only for those of which 0 is no value that anybody would set. -#}
{% macro px_number_or_zero(columns, name) %}
    {{- px_or_null(columns, name, "nullif(" ~ px_name(name) ~ ", 0)", dbt.type_numeric()) -}}
{% endmacro %}

{% macro px_boolean(columns, name) %}
    {{- px_or_null(columns, name, px_name(name), dbt.type_boolean()) -}}
{% endmacro %}

{#- A list, as JSON: target-postgres makes text[] of it, target-snowflake VARIANT. -#}
{% macro px_list(columns, name) %}
    {{- px_or_null(columns, name, px_list_as_json(px_name(name)), px_json_type()) -}}
{% endmacro %}

{% macro px_list_as_json(expression) %}
    {{- return(adapter.dispatch('px_list_as_json', 'gainsight_px')(expression)) -}}
{% endmacro %}
{% macro default__px_list_as_json(expression) %}{{ return('to_jsonb(' ~ expression ~ ')') }}{% endmacro %}
{% macro snowflake__px_list_as_json(expression) %}{{ return(px_json_or_null(expression)) }}{% endmacro %}
