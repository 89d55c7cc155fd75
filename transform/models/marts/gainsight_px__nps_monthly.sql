{{ config(enabled=px_loaded('survey_responses')) }}

with months as (
    select
        {{ px_first_day('month', 'day') }} as month,
        count(*) as responses,
        count(distinct identify_id) as respondents,
        count(case when nps_group = 'promoter' then 1 end) as promoters,
        count(case when nps_group = 'passive' then 1 end) as passives,
        count(case when nps_group = 'detractor' then 1 end) as detractors
    from {{ ref('gainsight_px__survey_responses') }}
    where nps_group is not null
    group by {{ px_first_day('month', 'day') }}
)

select
    months.*,
    round(100 * cast(promoters - detractors as {{ dbt.type_numeric() }}) / responses, 1) as nps
from months
