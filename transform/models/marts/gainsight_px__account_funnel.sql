{%- set steps = [] -%}
{%- for step in var('gainsight_px_funnel') %}{{ px_check_event_stream(step.stream, 'gainsight_px_funnel') }}{% endfor -%}
{%- for step in var('gainsight_px_funnel') if px_loaded(step.stream) %}{% do steps.append(step) %}{% endfor -%}
{{ config(enabled=steps | length > 0) }}

-- A step counts from the moment at which the one before it was taken.
with accounts as (
    select account_id
    from {{ ref('stg_gainsight_px__accounts') }}
    where deleted_at is null
)
{%- for step in steps %},

step_{{ loop.index }} as (
    select
        events.account_id,
        min(events.happened_at) as reached_at
    from {{ ref('int_gainsight_px__events') }} as events
    {%- if not loop.first %}
    inner join step_{{ loop.index - 1 }} as step_before
        on events.account_id = step_before.account_id and events.happened_at >= step_before.reached_at
    {%- endif %}
    where
        events.stream = '{{ step.stream }}'
        {%- if step.subject is defined %}
        and events.subject = '{{ step.subject | replace("'", "''") }}'
        {%- endif %}
    group by events.account_id
)
{%- endfor %},

steps as (
    {%- for step in steps %}
    select
        accounts.account_id,
        {{ loop.index }} as step_number,
        '{{ step.name | replace("'", "''") }}' as step_name,
        step.reached_at
    from accounts
    left join step_{{ loop.index }} as step on accounts.account_id = step.account_id
    {{ 'union all' if not loop.last }}
    {%- endfor %}
)

select
    {{ px_key(['account_id', 'step_number']) }} as account_step_key,
    account_id,
    step_number,
    step_name,
    reached_at is not null as is_reached,
    reached_at,
    {{ dbt.datediff('lag(reached_at) over (partition by account_id order by step_number)', 'reached_at', 'second') }}
        as seconds_since_step_before
from steps
