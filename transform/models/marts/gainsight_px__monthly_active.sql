{{ px_active_by('month') }}
