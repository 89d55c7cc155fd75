"""One module a section of the report: `measure` gives figures, `render` their Markdown."""
