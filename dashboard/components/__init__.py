"""Parts of pages: pure functions from a language and domain objects to Dash components.

Every text is passed as a child or an attribute, which React escapes; nothing here or
in ``assets/`` makes HTML of data.
"""
