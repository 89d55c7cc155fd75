{{ config(enabled=px_loaded('features')) }}
{% set columns = px_columns('features') %}

with newest as (
    {{ px_newest('features', 'id') }}
)

select
    {{ px_text(columns, 'id') }} as feature_id,
    {{ px_text(columns, 'name') }} as feature_name,
    {{ px_text(columns, 'type') }} as feature_type,
    {{ px_text(columns, 'parentFeatureId') }} as parent_feature_id,
    {{ px_text(columns, 'propertyKey') }} as property_key,
    {{ px_text(columns, 'status') }} as status,
    {{ px_time(columns, '_sdc_deleted_at') }} as deleted_at,
    {{ px_time(columns, '_sdc_received_at') }} as loaded_at
from newest
