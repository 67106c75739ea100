package studio

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"reflect"
	"testing"
	"time"
)

func studioOf(sandbox *Sandbox) *Studio {
	return &Studio{BaseURL: sandbox.BaseURL, APIKey: sandbox.APIKey, Wait: sandbox.Advance}
}

func draw(t *testing.T, studio *Studio) string {
	t.Helper()
	id, err := studio.Draw("a cat")
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestPicture(t *testing.T) {
	sandbox := NewSandbox(t)
	studio := studioOf(sandbox)

	id := draw(t, studio)
	sandbox.WaitUntilIdle() // moves the clock; never sleeps
	task, err := studio.Poll(id)

	if err != nil || task.Status != "SUCCESS" {
		t.Fatal(task, err)
	}
	picture, err := http.Get(task.Result.URLs[0])
	if err != nil {
		t.Fatal(err)
	}
	defer picture.Body.Close()
	if kind := picture.Header.Get("Content-Type"); kind != "image/png" {
		t.Error(kind)
	}
}

func TestBusyTwice(t *testing.T) {
	sandbox := NewSandbox(t)
	sandbox.Scenario("rate-limited=7", 2, Match{"path": "*/submit"})
	studio := studioOf(sandbox)
	var waits []time.Duration
	studio.Wait = func(wait time.Duration) {
		waits = append(waits, wait)
		sandbox.Advance(wait)
	}

	draw(t, studio)

	if !reflect.DeepEqual(waits, []time.Duration{7 * time.Second, 7 * time.Second}) {
		t.Error(waits)
	}
}

func TestModeration(t *testing.T) {
	sandbox := NewSandbox(t)
	sandbox.Scenario("moderated=violence", 1, Match{})

	_, err := studioOf(sandbox).Draw("a cat")

	if err == nil || err.Error() != "400: content rejected by moderation" {
		t.Error(err)
	}
}

func TestWebhookThatComesTwice(t *testing.T) {
	sandbox := NewSandbox(t)
	sandbox.Scenario("webhook-twice", 1, Match{})
	var received []string
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var webhook struct{ Data Task }
		if err := json.NewDecoder(r.Body).Decode(&webhook); err != nil {
			t.Error(err)
		}
		received = append(received, webhook.Data.ID+" "+webhook.Data.Status)
	}))
	defer receiver.Close()
	studio := studioOf(sandbox)
	studio.CallBackURL = receiver.URL

	id := draw(t, studio)
	sandbox.WaitUntilIdle()

	if !reflect.DeepEqual(received, []string{id + " SUCCESS", id + " SUCCESS"}) {
		t.Error(received)
	}
}
