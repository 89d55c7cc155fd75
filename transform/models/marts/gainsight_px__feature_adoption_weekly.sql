{{ config(enabled=px_loaded('feature_match_events')) }}

with uses as (
    select
        {{ px_first_day('week', 'day') }} as week,
        subject as feature_id,
        count(*) as uses,
        count(distinct identify_id) as users,
        count(distinct account_id) as accounts
    from {{ ref('int_gainsight_px__events') }}
    where stream = 'feature_match_events' and subject is not null
    group by {{ px_first_day('week', 'day') }}, subject
)

select
    {{ px_key(['uses.week', 'uses.feature_id']) }} as feature_week_key,
    uses.week,
    uses.feature_id,
    adoption.feature_name,
    uses.uses,
    uses.users,
    uses.accounts,
    uses.users / nullif(cast(active.active_users as {{ dbt.type_numeric() }}), 0) as share_of_active_users
from uses
left join {{ ref('gainsight_px__feature_adoption') }} as adoption on uses.feature_id = adoption.feature_id
left join {{ ref('gainsight_px__weekly_active') }} as active on uses.week = active.week
