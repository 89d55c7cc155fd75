{{ config(enabled=px_loaded('feature_match_events')) }}

with last_day as (
    select {{ px_days_after(-28, 'max(day)') }} as four_weeks_before
    from {{ ref('int_gainsight_px__days') }}
),

uses as (
    select
        events.subject as feature_id,
        count(*) as uses,
        count(distinct events.identify_id) as users,
        count(distinct events.account_id) as accounts,
        min(events.happened_at) as first_used_at,
        max(events.happened_at) as last_used_at,
        count(case when events.day > last_day.four_weeks_before then 1 end) as uses_in_four_weeks,
        count(distinct case when events.day > last_day.four_weeks_before then events.identify_id end) as users_in_four_weeks,
        count(distinct case when events.day > last_day.four_weeks_before then events.account_id end) as accounts_in_four_weeks
    from {{ ref('int_gainsight_px__events') }} as events
    cross join last_day
    where events.stream = 'feature_match_events' and events.subject is not null
    group by events.subject
),

active as (
    select count(distinct activity.identify_id) as users
    from {{ ref('gainsight_px__user_daily_activity') }} as activity
    cross join last_day
    where activity.day > last_day.four_weeks_before
),

{% if px_loaded('features') -%}
features as (
    select
        features.feature_id,
        features.feature_name,
        features.feature_type,
        modules.feature_name as module_name,
        features.status,
        features.deleted_at is not null or coalesce(features.status = 'DELETED', false) as is_deleted
    from {{ ref('stg_gainsight_px__features') }} as features
    left join {{ ref('stg_gainsight_px__features') }} as modules on features.parent_feature_id = modules.feature_id
)
{%- else -%}
features as (
    select
        feature_id,
        feature_id as feature_name,
        cast(null as {{ dbt.type_string() }}) as feature_type,
        cast(null as {{ dbt.type_string() }}) as module_name,
        cast(null as {{ dbt.type_string() }}) as status,
        false as is_deleted
    from uses
)
{%- endif %}

select
    coalesce(features.feature_id, uses.feature_id) as feature_id,
    coalesce(features.feature_name, features.feature_id, uses.feature_id) as feature_name,
    features.module_name,
    features.status,
    coalesce(features.is_deleted, false) as is_deleted,
    coalesce(uses.uses, 0) as uses,
    coalesce(uses.users, 0) as users,
    coalesce(uses.accounts, 0) as accounts,
    uses.first_used_at,
    uses.last_used_at,
    coalesce(uses.uses_in_four_weeks, 0) as uses_in_four_weeks,
    coalesce(uses.users_in_four_weeks, 0) as users_in_four_weeks,
    coalesce(uses.accounts_in_four_weeks, 0) as accounts_in_four_weeks,
    coalesce(uses.users_in_four_weeks, 0)
    / nullif(cast(active.users as {{ dbt.type_numeric() }}), 0) as share_of_active_users
from features
full outer join uses on features.feature_id = uses.feature_id
cross join active
-- A module only groups features, unless events name it.
where coalesce(features.feature_type, 'FEATURE') <> 'MODULE' or uses.feature_id is not null
