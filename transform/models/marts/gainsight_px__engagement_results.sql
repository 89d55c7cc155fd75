{%- set views, emails = px_loaded('engagement_view_events'), px_loaded('email_events') -%}
{%- set surveys, engagements = px_loaded('survey_responses'), px_loaded('engagements') -%}
{{ config(enabled=views or emails or surveys) }}

{%- set sources = [] %}
with
{%- if views %}
{%- do sources.append('views') %}
views as (
    select
        engagement_id,
        count(case when engagement_track_type = 'ENGAGEMENT_VIEW' then 1 end) as views,
        count(case when engagement_track_type = 'ENGAGEMENT_CLICK' then 1 end) as clicks,
        count(distinct case when engagement_track_type = 'ENGAGEMENT_VIEW' then identify_id end) as viewers,
        count(distinct case when engagement_track_type = 'ENGAGEMENT_CLICK' then identify_id end) as clickers,
        count(
            distinct case when 'COMPLETED' in (guide_state, carousel_state, survey_state) then identify_id end
        ) as completers
    from {{ ref('stg_gainsight_px__engagement_view_events') }}
    where engagement_id is not null
    group by engagement_id
),
{%- endif %}
{%- if emails %}
{%- do sources.append('emails') %}
emails as (
    select
        engagement_id,
        {%- for track, name in (
            ('DELIVERED', 'delivered'), ('OPEN', 'opened'), ('CLICK', 'clicked'),
            ('BOUNCE', 'bounced'), ('UNSUBSCRIBE', 'unsubscribed')
        ) %}
        count(distinct case when email_track_type = 'EMAIL_TRACK_{{ track }}' then coalesce(email, identify_id) end)
            as emails_{{ name }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ ref('stg_gainsight_px__email_events') }}
    where engagement_id is not null
    group by engagement_id
),
{%- endif %}
{%- if surveys %}
{%- do sources.append('surveys') %}
surveys as (
    select
        engagement_id,
        count(*) as survey_responses,
        avg(cast(score as {{ dbt.type_numeric() }})) as average_score,
        round(
            100 * cast(
                count(case when nps_group = 'promoter' then 1 end) - count(case when nps_group = 'detractor' then 1 end)
                as {{ dbt.type_numeric() }}
            ) / nullif(count(nps_group), 0), 1
        ) as nps
    from {{ ref('gainsight_px__survey_responses') }}
    where engagement_id is not null
    group by engagement_id
),
{%- endif %}
{%- if engagements %}{% do sources.append(ref('stg_gainsight_px__engagements')) %}{% endif %}

ids as (
    {%- for source in sources %}
    select engagement_id
    from {{ source }}
    {{ 'union' if not loop.last }}
    {%- endfor %}
)

select
    ids.engagement_id,
    {%- if engagements %}
    coalesce(engagements.engagement_name, ids.engagement_id) as engagement_name,
    engagements.engagement_type,
    engagements.state,
    engagements.deleted_at is not null as is_deleted
    {%- else %}
    ids.engagement_id as engagement_name,
    cast(null as {{ dbt.type_string() }}) as engagement_type,
    cast(null as {{ dbt.type_string() }}) as state,
    false as is_deleted
    {%- endif %}
    {%- if views %}
    {%- for name in ('views', 'clicks', 'viewers', 'clickers', 'completers') %},
    coalesce(views.{{ name }}, 0) as {{ name }}
    {%- endfor %}
    {%- endif %}
    {%- if emails %}
    {%- for name in ('delivered', 'opened', 'clicked', 'bounced', 'unsubscribed') %},
    coalesce(emails.emails_{{ name }}, 0) as emails_{{ name }}
    {%- endfor %}
    {%- endif %}
    {%- if surveys %},
    coalesce(surveys.survey_responses, 0) as survey_responses,
    surveys.average_score,
    surveys.nps
    {%- endif %}
from ids
{%- if engagements %}
left join {{ ref('stg_gainsight_px__engagements') }} as engagements on ids.engagement_id = engagements.engagement_id
{%- endif %}
{%- if views %}
left join views on ids.engagement_id = views.engagement_id
{%- endif %}
{%- if emails %}
left join emails on ids.engagement_id = emails.engagement_id
{%- endif %}
{%- if surveys %}
left join surveys on ids.engagement_id = surveys.engagement_id
{%- endif %}
