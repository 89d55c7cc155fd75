{{ config(enabled=px_loaded('custom_events'), materialized='view') }}

select
    events.*,
    {{ px_day('events.happened_at') }} as day,
    accounts.account_name
from {{ ref('stg_gainsight_px__custom_events') }} as events
left join {{ ref('stg_gainsight_px__accounts') }} as accounts on events.account_id = accounts.account_id
