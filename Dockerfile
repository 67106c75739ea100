# The mock for other containers:
#
#   docker build -t maxapi-mock .
#   docker run --rm -p 127.0.0.1:6290:6290 maxapi-mock
#
# Other machines can reach it, so when it starts it prints what is closed: the control plane without
# --control-token, webhooks without --callback-allow. Pass options in a command of your own
# (`… maxapi-mock serve --host 0.0.0.0 --pace instant`), or settings as variables
# (`-e MAXAPI_MOCK_PACE=instant`) or in a maxapi-mock.toml that is mounted in /mock.
FROM python:3.13-slim

COPY LICENSE README.md pyproject.toml /src/
COPY contract_tests /src/contract_tests
COPY mockserver /src/mockserver
COPY schemas /src/schemas
RUN pip install --no-cache-dir '/src[state]'

# A volume in /certs belongs to this user too, for `--tls --tls-folder /certs`.
RUN useradd --no-create-home --uid 10001 mock && install --directory --owner=mock /certs /mock
USER 10001
WORKDIR /mock

# This is for the defaults; a mock with --port or --tls needs a check of its own.
EXPOSE 6290
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s \
    CMD ["python", "-c", "import http.client; mock = http.client.HTTPConnection('127.0.0.1', 6290); mock.request('GET', '/__mock/health'); exit(mock.getresponse().status != 200)"]
ENTRYPOINT ["maxapi-mock"]
CMD ["serve", "--host", "0.0.0.0"]
