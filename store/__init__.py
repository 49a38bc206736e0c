"""The only SQL: schema, migrations, pool, and one module per noun."""
