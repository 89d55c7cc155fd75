{#- One column that identifies a row by several; null and text are told apart. -#}
{% macro px_key(names) %}
    {%- set parts = [] -%}
    {%- for name in names -%}
        {%- do parts.append("coalesce('=' || cast(" ~ name ~ " as " ~ dbt.type_string() ~ "), 'null')") -%}
        {%- if not loop.last -%}{%- do parts.append("'|'") -%}{%- endif -%}
    {%- endfor -%}
    {{- dbt.hash(dbt.concat(parts)) -}}
{% endmacro %}
