// Package studio draws pictures with the API, by net/http alone.
package studio

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// Studio uses the API at a base URL, with a key. A test replaces Wait, so that it never sleeps.
type Studio struct {
	BaseURL, APIKey, CallBackURL string
	Wait                         func(time.Duration)
}

// Task is what a poll and a webhook show.
type Task struct {
	ID            string  `json:"taskId"`
	Status        string  `json:"status"`
	FailureReason *string `json:"failure_reason"`
	Result        *struct {
		Type string   `json:"type"`
		URLs []string `json:"urls"`
	} `json:"result"`
}

// Error is a response of the API that says no.
type Error struct {
	Code    int    `json:"code"`
	Message string `json:"msg"`
}

func (e *Error) Error() string { return fmt.Sprintf("%d: %s", e.Code, e.Message) }

// Draw submits a task and returns its id; it tries three times if the API is busy.
func (s *Studio) Draw(prompt string) (string, error) {
	document := map[string]any{
		"model": "gpt-image-2/text-to-image",
		"input": map[string]any{"prompt": prompt, "ratio": "1:1"},
	}
	if s.CallBackURL != "" {
		document["callBackUrl"] = s.CallBackURL
	}
	for attempt := 1; ; attempt++ {
		var data struct {
			TaskID string `json:"taskId"`
		}
		after, err := s.call(http.MethodPost, "/submit", document, &data)
		failure, isError := err.(*Error)
		isBusy := isError && (failure.Code == http.StatusTooManyRequests || failure.Code >= 500)
		if !isBusy || attempt == 3 {
			return data.TaskID, err
		}
		s.Wait(after)
	}
}

// Poll returns a task as it is now.
func (s *Studio) Poll(id string) (task Task, err error) {
	_, err = s.call(http.MethodGet, "/"+id, nil, &task)
	return task, err
}

// call returns how long to wait before another try, besides the error.
func (s *Studio) call(method, path string, document, data any) (time.Duration, error) {
	body, err := json.Marshal(document)
	if err != nil {
		return 0, err
	}
	request, err := http.NewRequest(method, s.BaseURL+"/api/v1/task"+path, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	request.Header.Set("Authorization", "Bearer "+s.APIKey)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	envelope := struct {
		Error
		Data any `json:"data"`
	}{Data: data}
	if err := json.NewDecoder(response.Body).Decode(&envelope); err != nil {
		return 0, err
	}
	if response.StatusCode == http.StatusOK && envelope.Code == 0 {
		return 0, nil
	}
	seconds, err := strconv.Atoi(response.Header.Get("Retry-After"))
	if err != nil {
		seconds = 1
	}
	return time.Duration(seconds) * time.Second, &envelope.Error
}
