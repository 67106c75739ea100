# Tests of ./draw: maxapi-mock run --pace per-poll -- bats .
# With that pace, each poll moves a task to its next state, so that nothing waits.

setup() {
    cd "$BATS_TEST_DIRNAME"
    export MAXAPI_API_KEY="bats-$BATS_TEST_NUMBER-$$" # a sandbox for each test
    export DRAW_PAUSE=0
    file=$BATS_TEST_TMPDIR/picture.png
}

control() {
    curl --silent --fail -H "Authorization: Bearer $MAXAPI_API_KEY" -d "$2" \
        "$MAXAPI_MOCK_URL/__mock/$1"
}

@test "a picture" {
    run ./draw "a cat" "$file"

    [ "$status" -eq 0 ]
    [ "$(head -c 4 "$file" | tail -c 3)" = PNG ]
}

@test "the API is busy once" {
    control rules '{"scenario": "rate-limited=1", "times": 1, "match": {"path": "*/submit"}}'

    run ./draw "a cat" "$file"

    [ "$status" -eq 0 ]
    [ "$(control requests/count '{"path": "*/submit"}')" = '{"count": 2}' ]
}

@test "moderation stops the task" {
    run ./draw "a cat #mock:content-moderation" "$file"

    [ "$status" -eq 1 ]
    [[ $output == *CONTENT_MODERATION* ]]
    [ ! -e "$file" ]
}

@test "moderation rejects the prompt" {
    control rules '{"scenario": "moderated=violence"}'

    run ./draw "a cat" "$file"

    [ "$status" -eq 1 ]
    [ "$output" = "not submitted: content rejected by moderation" ]
}
