{{ config(enabled=px_loaded('survey_responses')) }}

-- One showing of a survey may send several events: seen, answered, answered otherwise. The last answer counts. What was only
-- seen has no answer, though its score may be 0.
with answers as (
    select
        responses.*,
        row_number() over (
            partition by coalesce(responses.execution_id, responses.event_id), responses.identify_id, responses.content_id
            order by responses.happened_at desc, responses.event_id desc
        ) as answer_number
    from {{ ref('stg_gainsight_px__survey_responses') }} as responses
    where coalesce(responses.survey_state, 'COMPLETED') <> 'VIEWED'
)

select
    answers.event_id,
    answers.engagement_id,
    {%- if px_loaded('engagements') %}
    engagements.engagement_name,
    coalesce(answers.content_type, engagements.engagement_type) as survey_type,
    {%- else %}
    cast(null as {{ dbt.type_string() }}) as engagement_name,
    answers.content_type as survey_type,
    {%- endif %}
    answers.identify_id,
    answers.account_id,
    answers.score,
    answers.comment,
    answers.question_type,
    answers.selection_ids,
    answers.is_contact_allowed,
    answers.happened_at,
    {{ px_day('answers.happened_at') }} as day
from answers
{%- if px_loaded('engagements') %}
left join {{ ref('stg_gainsight_px__engagements') }} as engagements
    on answers.engagement_id = engagements.engagement_id
{%- endif %}
where answers.answer_number = 1
