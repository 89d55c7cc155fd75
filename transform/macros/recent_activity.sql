{#- What each user or account has done, in all and in the four weeks up to the last day with activity. -#}
{% macro px_recent_activity(daily_activity, id) %}
    select
        activity.{{ id }},
        min(activity.day) as first_active_day,
        max(activity.day) as last_active_day,
        sum(activity.events) as events,
        count(distinct case when activity.day > last_day.four_weeks_before then activity.day end) as active_days_in_four_weeks,
        coalesce(sum(case when activity.day > last_day.four_weeks_before then activity.events end), 0) as events_in_four_weeks
    from {{ ref(daily_activity) }} as activity
    cross join (
        select {{ px_days_after(-28, 'max(day)') }} as four_weeks_before
        from {{ ref('int_gainsight_px__days') }}
    ) as last_day
    group by activity.{{ id }}
{%- endmacro %}
