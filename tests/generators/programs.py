"""Programs that submit a task with a generated client, poll it, and print its status.

Each gets the mock's URL in MOCK_URL, and ends with the status as its last line of output.
"""

from __future__ import annotations

PYTHON = """
import os, time
from openapi_client import (
    ApiClient, Configuration, GptImage2TextToImageInput, GptImage2TextToImageRequest,
    SubmitRequest, TaskApi,
)

api = TaskApi(ApiClient(Configuration(host=os.environ["MOCK_URL"], access_token="generated")))
wanted = GptImage2TextToImageRequest(
    model="gpt-image-2/text-to-image", input=GptImage2TextToImageInput(prompt="a fox", n=2)
)
task_id = api.submit(SubmitRequest(wanted)).data.task_id
while (task := api.query(task_id).data).status in ("PENDING", "PROCESSING", "SUBMITTED"):
    time.sleep(0.1)
assert len(task.result.urls) == 2
print(task.status.value)
"""

PYTHON_CLIENT = """
import os, time
from maxapi import AuthenticatedClient
from maxapi.api.task import query, submit
from maxapi.models import (
    GptImage2TextToImageInput, GptImage2TextToImageRequest, GptImage2TextToImageRequestModel,
)

client = AuthenticatedClient(base_url=os.environ["MOCK_URL"], token="generated")
[model] = GptImage2TextToImageRequestModel
wanted = GptImage2TextToImageRequest(model, GptImage2TextToImageInput(prompt="a fox", n=2))
task_id = submit.sync(client=client, body=wanted).data.task_id
while (task := query.sync(task_id, client=client).data).status.value in (
    "PENDING", "PROCESSING", "SUBMITTED"
):
    time.sleep(0.1)
assert len(task.result.urls) == 2
print(task.status.value)
"""

DATAMODEL = """
import json, os, time
from urllib.request import Request, urlopen
from models import GptImage2TextToImageInput, SubmitRequest, SubmitResponse, TaskResponse

def call(path, body=None):
    headers = {"Authorization": "Bearer generated", "Content-Type": "application/json"}
    with urlopen(Request(os.environ["MOCK_URL"] + path, body, headers)) as response:
        return response.read()

wanted = {"model": "gpt-image-2/text-to-image", "input": {"prompt": "a fox", "n": 2}}
body = SubmitRequest.model_validate(wanted).model_dump_json(exclude_unset=True, by_alias=True)
submitted = call("/api/v1/task/submit", body.encode())
task_id = SubmitResponse.model_validate_json(submitted).data.taskId
while True:
    task = TaskResponse.model_validate_json(call(f"/api/v1/task/{task_id}")).data
    if task.status.value not in ("PENDING", "PROCESSING", "SUBMITTED"):
        break
    time.sleep(0.1)
assert len(task.result.urls) == 2
print(task.status.value)
"""

_WAIT = "const wait = () => new Promise((done) => setTimeout(done, 100));"
_RUNNING = '["PENDING", "PROCESSING", "SUBMITTED"]'
_WANTED = 'model: "gpt-image-2/text-to-image", input: { prompt: "a fox", n: 2 }'

FETCH = f"""
import {{ Configuration, TaskApi }} from "./client/index";
{_WAIT}
const api = new TaskApi(
  new Configuration({{ basePath: process.env.MOCK_URL!, accessToken: "generated" }}),
);
const submitted = await api.submit({{ submitRequest: {{ {_WANTED} }} }});
let task = (await api.query({{ taskId: submitted.data.taskId }})).data;
while ({_RUNNING}.includes(task.status)) {{
  await wait();
  task = (await api.query({{ taskId: task.taskId }})).data;
}}
if (task.result?.urls.length !== 2) throw new Error("two results were asked for");
console.log(task.status);
"""

AXIOS = f"""
import {{ Configuration, TaskApi }} from "./client/index";
{_WAIT}
const api = new TaskApi(
  new Configuration({{ basePath: process.env.MOCK_URL!, accessToken: "generated" }}),
);
const submitted = await api.submit({{ {_WANTED} }});
let task = (await api.query(submitted.data.data.taskId)).data.data;
while ({_RUNNING}.includes(task.status)) {{
  await wait();
  task = (await api.query(task.taskId)).data.data;
}}
if (task.result?.urls.length !== 2) throw new Error("two results were asked for");
console.log(task.status);
"""

HEY_API = f"""
import {{ client }} from "./client/client.gen";
import {{ query, submit }} from "./client/sdk.gen";
{_WAIT}
client.setConfig({{ baseUrl: process.env.MOCK_URL!, auth: "generated" }});
const submitted = await submit({{ body: {{ {_WANTED} }}, throwOnError: true }});
const path = {{ taskId: submitted.data.data.taskId }};
let task = (await query({{ path, throwOnError: true }})).data.data;
while ({_RUNNING}.includes(task.status)) {{
  await wait();
  task = (await query({{ path, throwOnError: true }})).data.data;
}}
if (task.result?.urls.length !== 2) throw new Error("two results were asked for");
console.log(task.status);
"""

OPENAPI_FETCH = f"""
import createClient from "openapi-fetch";
import type {{ paths }} from "./client/schema";
{_WAIT}
const headers = {{ Authorization: "Bearer generated" }};
const api = createClient<paths>({{ baseUrl: process.env.MOCK_URL!, headers }});
const submitted = await api.POST("/api/v1/task/submit", {{ body: {{ {_WANTED} }} }});
const path = {{ taskId: submitted.data!.data.taskId }};
const poll = () => api.GET("/api/v1/task/{{taskId}}", {{ params: {{ path }} }});
let task = (await poll()).data!.data;
while ({_RUNNING}.includes(task.status)) {{
  await wait();
  task = (await poll()).data!.data;
}}
if (task.result?.urls.length !== 2) throw new Error("two results were asked for");
console.log(task.status);
"""

GO = """
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	maxapi "generated/client"
)

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	configuration := maxapi.NewConfiguration()
	configuration.Servers = maxapi.ServerConfigurations{{URL: os.Getenv("MOCK_URL")}}
	api := maxapi.NewAPIClient(configuration).TaskAPI
	ctx := context.WithValue(context.Background(), maxapi.ContextAccessToken, "generated")
	input := maxapi.NewGptImage2TextToImageInput("a fox")
	input.SetN(2)
	wanted := maxapi.NewGptImage2TextToImageRequest("gpt-image-2/text-to-image", *input)
	body := maxapi.GptImage2TextToImageRequestAsSubmitRequest(wanted)
	submitted, _, err := api.Submit(ctx).SubmitRequest(body).Execute()
	check(err)
	for {
		polled, _, err := api.Query(ctx, submitted.Data.TaskId).Execute()
		check(err)
		task := polled.Data
		switch task.Status {
		case "PENDING", "PROCESSING", "SUBMITTED":
			time.Sleep(100 * time.Millisecond)
			continue
		}
		result := task.GetResult()
		if len(result.Urls) != 2 {
			panic("two results were asked for")
		}
		fmt.Println(task.Status)
		return
	}
}
"""

JAVA = """
import java.util.List;
import org.openapitools.client.ApiClient;
import org.openapitools.client.api.TaskApi;
import org.openapitools.client.model.*;

public class Main {
    public static void main(String[] words) throws Exception {
        ApiClient client = new ApiClient();
        client.updateBaseUri(System.getenv("MOCK_URL"));
        client.setRequestInterceptor(
            request -> request.header("Authorization", "Bearer generated"));
        TaskApi api = new TaskApi(client);
        GptImage2TextToImageRequest wanted = new GptImage2TextToImageRequest()
            .model(GptImage2TextToImageRequest.ModelEnum.GPT_IMAGE_2_TEXT_TO_IMAGE)
            .input(new GptImage2TextToImageInput().prompt("a fox").n(2));
        String taskId = api.submit(new SubmitRequest(wanted)).getData().getTaskId();
        Task task = api.query(taskId).getData();
        List<String> running = List.of("PENDING", "PROCESSING", "SUBMITTED");
        while (running.contains(task.getStatus().getValue())) {
            Thread.sleep(100);
            task = api.query(taskId).getData();
        }
        if (task.getResult().getUrls().size() != 2) throw new IllegalStateException("not 2");
        System.out.println(task.getStatus().getValue());
    }
}
"""
