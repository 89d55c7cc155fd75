{{ config(enabled=px_loaded('engagements')) }}
{% set columns = px_columns('engagements') %}

with newest as (
    {{ px_newest('engagements', 'id') }}
)

select
    {{ px_text(columns, 'id') }} as engagement_id,
    {{ px_text(columns, 'name') }} as engagement_name,
    {{ px_text(columns, 'description') }} as description,
    {{ px_text(columns, 'type') }} as engagement_type,
    {{ px_text(columns, 'state') }} as state,
    {{ px_list(columns, 'propertyKeys') }} as property_keys,
    {{ px_time(columns, '_sdc_deleted_at') }} as deleted_at,
    {{ px_time(columns, '_sdc_received_at') }} as loaded_at
from newest
