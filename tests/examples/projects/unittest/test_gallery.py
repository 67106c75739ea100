"""A mock for each class of tests, and a sandbox of it for each test."""

from __future__ import annotations

from unittest import TestCase, main
from urllib.error import HTTPError

from gallery import Gallery

from mockserver.testing import RunningMock, running_mock

PICTURE = "https://example.com/cat.png"


class GalleryTest(TestCase):
    """The gallery, with a mock in place of the API."""

    mock: RunningMock

    @classmethod
    def setUpClass(cls) -> None:
        """Start the mock."""
        cls.mock = cls.enterClassContext(running_mock())

    def setUp(self) -> None:
        """Open a sandbox: a key of its own, and a clock that stands still."""
        self.maxapi = self.mock.sandbox(label=self.id())
        self.addCleanup(self.maxapi.close)
        self.gallery = Gallery(self.maxapi.base_url, self.maxapi.api_key)

    def test_variations_take_their_time(self) -> None:
        """They are not there at first."""
        task_id = self.gallery.vary(PICTURE, 3)

        self.assertEqual(self.gallery.variations(task_id), [])
        self.maxapi.wait_for(task_id)
        self.assertEqual(len(self.gallery.variations(task_id)), 3)

    def test_too_many_are_rejected(self) -> None:
        """With the reason in the journal of the mock."""
        with self.assertRaises(HTTPError) as raised:
            self.gallery.vary(PICTURE, 11)

        raised.exception.close()
        [request] = self.maxapi.assert_requested(path="*/submit", times=1)
        self.assertIn("input.n: 11 is more than 10", request["response_body"]["msg"])


if __name__ == "__main__":
    main()
