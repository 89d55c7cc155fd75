with days as (
    select day
    from {{ ref('int_gainsight_px__days') }}
),

{% for who, activity in (('users', 'user'), ('accounts', 'account')) %}
{%- set id = 'identify_id' if who == 'users' else 'account_id' %}
{{ who }} as (
    select
        days.day,
        count(distinct case when activity.day = days.day then activity.{{ id }} end) as daily,
        count(distinct case when activity.day > {{ px_days_after(-7, 'days.day') }} then activity.{{ id }} end) as weekly,
        count(distinct activity.{{ id }}) as monthly
    from days
    left join {{ ref('gainsight_px__' ~ activity ~ '_daily_activity') }} as activity
        on activity.day > {{ px_days_after(-28, 'days.day') }} and activity.day <= days.day
    group by days.day
){{ ',' if not loop.last }}
{% endfor %}
select
    users.day,
    users.daily as daily_active_users,
    users.weekly as weekly_active_users,
    users.monthly as monthly_active_users,
    users.daily / nullif(cast(users.monthly as {{ dbt.type_numeric() }}), 0) as stickiness,
    accounts.daily as daily_active_accounts,
    accounts.weekly as weekly_active_accounts,
    accounts.monthly as monthly_active_accounts
from users
inner join accounts on users.day = accounts.day
