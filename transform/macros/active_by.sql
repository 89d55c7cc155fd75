{#- Active users and accounts of each week or month. -#}
{% macro px_active_by(period) %}
with periods as (
    select
        {{ period }},
        -- A period that has not ended cannot be compared with one that has.
        max(max(day)) over () >= {{ px_days_after(-1, dbt.dateadd(period, 1, period)) }} as is_complete
    from {{ ref('int_gainsight_px__days') }}
    group by {{ period }}
),

{% for who, activity in (('users', 'user'), ('accounts', 'account')) %}
{%- set id = 'identify_id' if who == 'users' else 'account_id' %}
{{ who }}_in_periods as (
    select distinct
        {{ px_first_day(period, 'day') }} as {{ period }},
        {{ id }}
    from {{ ref('gainsight_px__' ~ activity ~ '_daily_activity') }}
),

{{ who }} as (
    select
        {{ period }},
        count(*) as active,
        count(case when {{ period }} = first_{{ period }} then 1 end) as new,
        count(case when previous_{{ period }} = cast({{ dbt.dateadd(period, -1, period) }} as date) then 1 end) as kept
    from (
        select
            {{ period }},
            min({{ period }}) over (partition by {{ id }}) as first_{{ period }},
            lag({{ period }}) over (partition by {{ id }} order by {{ period }}) as previous_{{ period }}
        from {{ who }}_in_periods
    ) as numbered
    group by {{ period }}
){{ ',' if not loop.last }}
{% endfor %}
select
    periods.{{ period }},
    periods.is_complete,
    {%- for who in ('users', 'accounts') %}
    coalesce({{ who }}.active, 0) as active_{{ who }},
    coalesce({{ who }}.new, 0) as new_{{ who }},
    coalesce({{ who }}.kept, 0) as kept_{{ who }}{{ ',' if not loop.last }}
    {%- endfor %}
from periods
left join users on periods.{{ period }} = users.{{ period }}
left join accounts on periods.{{ period }} = accounts.{{ period }}
{% endmacro %}
