-- Every day from the first to the last with activity, those without any included.
with bounds as (
    select
        min(day) as first_day,
        max(day) as last_day
    from {{ ref('int_gainsight_px__events') }}
    where is_activity
),

numbers as (
    {{ dbt.generate_series(8192) }}
),

days as (
    select
        cast({{ dbt.dateadd('day', 'cast(numbers.generated_number as integer) - 1', 'bounds.first_day') }} as date) as day,
        bounds.last_day
    from bounds
    cross join numbers
)

select
    day,
    {{ px_first_day('week', 'day') }} as week,
    {{ px_first_day('month', 'day') }} as month
from days
where day <= last_day
