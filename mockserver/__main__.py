"""`python -m mockserver` is `maxapi-mock`."""

from mockserver.cli import main

raise SystemExit(main())
