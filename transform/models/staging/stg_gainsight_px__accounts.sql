{% set columns = px_columns('accounts') %}
{% set location = px_json(columns, 'location') %}

with newest as (
    {{ px_newest('accounts', 'id') }}
)

select
    {{ px_text(columns, 'id') }} as account_id,
    {{ px_text(columns, 'name') }} as account_name,
    {{ px_text(columns, 'parentGroupId') }} as parent_group_id,
    {{ px_text(columns, 'sfdcId') }} as salesforce_id,
    {{ px_text(columns, 'gsId') }} as gainsight_id,
    {{ px_text(columns, 'plan') }} as plan,
    {{ px_text(columns, 'csm') }} as customer_success_manager,
    {{ px_text(columns, 'industry') }} as industry,
    {{ px_text(columns, 'website') }} as website,
    {{ px_number_or_zero(columns, 'numberOfEmployees') }} as number_of_employees,
    {{ px_text(columns, 'dunsNumber') }} as duns_number,
    {{ px_text(columns, 'sicCode') }} as sic_code,
    {{ px_text(columns, 'naicsCode') }} as naics_code,
    {{ px_json_value(location, 'countryName') }} as country_name,
    {{ px_json_value(location, 'countryCode') }} as country_code,
    {{ px_json_value(location, 'city') }} as city,
    {{ px_number_or_zero(columns, 'healthScore') }} as health_score,
    {{ px_number_or_zero(columns, 'nps') }} as nps_in_px,
    {{ px_list(columns, 'propertyKeys') }} as property_keys,
    {{ px_json(columns, 'customAttributes') }} as custom_attributes,
    {{ px_time(columns, 'renewalDate') }} as renewal_at,
    {{ px_time(columns, 'createDate') }} as created_at,
    {{ px_time(columns, 'lastModifiedDate') }} as modified_at,
    {{ px_time(columns, 'lastSeenDate') }} as last_seen_at,
    {{ px_time(columns, '_sdc_deleted_at') }} as deleted_at,
    {{ px_time(columns, '_sdc_received_at') }} as loaded_at
    {{- px_attribute_columns(px_json(columns, 'customAttributes'), 'gainsight_px_account_attributes') }}
from newest
