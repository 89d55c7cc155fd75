{{ config(enabled=px_loaded('survey_responses')) }}

select
    event_id as response_id,
    engagement_id,
    engagement_name,
    survey_type,
    -- Events spell it IN_APP_SURVEY_NPS, engagements IN_APP_NPS_SURVEY.
    coalesce(survey_type in ('IN_APP_SURVEY_NPS', 'IN_APP_NPS_SURVEY'), false) as is_nps,
    case
        when survey_type not in ('IN_APP_SURVEY_NPS', 'IN_APP_NPS_SURVEY') then null
        when score between 9 and 10 then 'promoter'
        when score between 7 and 8 then 'passive'
        when score between 0 and 6 then 'detractor'
    end as nps_group,
    identify_id,
    account_id,
    score,
    comment,
    question_type,
    selection_ids,
    is_contact_allowed,
    happened_at as answered_at,
    day
from {{ ref('int_gainsight_px__survey_answers') }}
