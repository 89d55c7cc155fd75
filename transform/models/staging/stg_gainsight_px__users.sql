{% set columns = px_columns('users') %}
{% set location = px_json(columns, 'location') %}
{% set inferred = px_json(columns, 'lastInferredLocation') %}

with newest as (
    {{ px_newest('users', 'aptrinsicId') }}
)

select
    {{ px_text(columns, 'aptrinsicId') }} as user_id,
    {{ px_text(columns, 'identifyId') }} as identify_id,
    {{ px_text(columns, 'accountId') }} as account_id,
    {{ px_set_value(columns, 'type') }} as user_type,
    {{ px_text(columns, 'email') }} as email,
    {{ px_text(columns, 'firstName') }} as first_name,
    {{ px_text(columns, 'lastName') }} as last_name,
    {{ px_text(columns, 'title') }} as title,
    {{ px_text(columns, 'role') }} as role,
    {{ px_set_value(columns, 'gender') }} as gender,
    {{ px_text(columns, 'phone') }} as phone,
    {{ px_number_or_zero(columns, 'score') }} as score,
    {{ px_integer(columns, 'numberOfVisits') }} as number_of_visits,
    {{ px_boolean(columns, 'globalUnsubscribe') }} as is_unsubscribed,
    {{ px_text(columns, 'sfdcContactId') }} as salesforce_contact_id,
    coalesce({{ px_json_value(location, 'countryName') }}, {{ px_json_value(inferred, 'countryName') }}) as country_name,
    coalesce({{ px_json_value(location, 'countryCode') }}, {{ px_json_value(inferred, 'countryCode') }}) as country_code,
    {{ px_list(columns, 'propertyKeys') }} as property_keys,
    {{ px_json(columns, 'customAttributes') }} as custom_attributes,
    {{ px_time(columns, 'signUpDate') }} as signed_up_at,
    {{ px_time(columns, 'firstVisitDate') }} as first_visited_at,
    {{ px_time(columns, 'createDate') }} as created_at,
    {{ px_time(columns, 'lastModifiedDate') }} as modified_at,
    {{ px_time(columns, 'lastSeenDate') }} as last_seen_at,
    {{ px_time(columns, '_sdc_deleted_at') }} as deleted_at,
    {{ px_time(columns, '_sdc_received_at') }} as loaded_at
    {{- px_attribute_columns(px_json(columns, 'customAttributes'), 'gainsight_px_user_attributes') }}
from newest
