# Copyright: Contributors to the agent_platform.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A website's content: what is sent in which order, with what headers, what is removed, and what CloudFront forgets."""

from __future__ import annotations

import base64
import hashlib
import os
from urllib.parse import parse_qs

import pytest

from ansible_collections.agent_platform.aws.plugins.module_utils import website
from ansible_collections.agent_platform.aws.plugins.modules.s3_website_content import Content
from tests.support.scripted_aws import Step, api_error, endless, lost_reply, refuse_resource, run_resource

BUCKET = {"Bucket": "demo"}
DISTRIBUTION = "E2QWRUHAPOMQZL"
PAGE, HASHED, PLAIN = website.ALWAYS_ASKED, website.FOR_EVER, website.FOR_EDGES
HTML, JS = "text/html; charset=utf-8", "text/javascript; charset=utf-8"
PENDING = {"invalidation": "pending"}
PARAMS = {
    "bucket": "demo",
    "exclude": [],
    "purge": True,
    "only_if_empty": False,
    "cache_rules": [],
    "content_types": {},
    "objects": [],
    "distribution_id": None,
    "max_paths": 30,
    "wait_timeout": 900,
}
CONFIG = {"key": "config.json", "content": "{}", "content_type": None, "cache_control": "no-store", "state": "present"}


@pytest.fixture(autouse=True)
def one_by_one(monkeypatch):
    """A script has an order."""
    monkeypatch.setattr(Content, "side_by_side", 1)


@pytest.fixture
def site(tmp_path):
    """Writes files of a site. Without any it is an index.html and an app.js."""

    def write(**files):
        for name, text in (files or {"index.html": "<h1>", "app.js": "1"}).items():
            path = tmp_path / "site" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return str(tmp_path / "site")

    return write


def sha256(text):
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def listed(**texts):
    found = [{"Key": key, "Size": len(text), "ETag": '"kms-has-its-own"'} for key, text in texts.items()]
    return Step("ListObjectsV2", {"Contents": found} if found else {}, BUCKET)


def head(key, text, kind=HTML, cache=PAGE, **more):
    answer = {"ContentLength": len(text), "ContentType": kind, "CacheControl": cache, "Metadata": {}}
    request = {**BUCKET, "Key": key, "ChecksumMode": "ENABLED"}
    return Step("HeadObject", {**answer, "ChecksumSHA256": sha256(text), **more}, request)


def no_head(key):
    return Step(
        "HeadObject", api_error("HeadObject", "404", status=404), {**BUCKET, "Key": key, "ChecksumMode": "ENABLED"}
    )


def put(key, text, kind=HTML, cache=PAGE, tags=None, answer=None):
    def check(request):
        assert request.pop("Body").read() == text.encode()
        assert {name: value for name, (value,) in parse_qs(request.pop("Tagging", "")).items()} == (tags or {})
        about = {"ContentLength": len(text), "ChecksumSHA256": sha256(text)}
        assert request == {**BUCKET, "Key": key, "ContentType": kind, "CacheControl": cache, **about}

    return Step("PutObject", {} if answer is None else answer, check)


def tags_of_index(**tags):
    answer = {"TagSet": [{"Key": key, "Value": value} for key, value in tags.items()]}
    return Step("GetObjectTagging", answer, {**BUCKET, "Key": "index.html"})


def tagged(**tags):
    tag_set = [{"Key": key, "Value": value} for key, value in tags.items()]
    return Step("PutObjectTagging", {}, {**BUCKET, "Key": "index.html", "Tagging": {"TagSet": tag_set}})


UNTAGGED = Step("DeleteObjectTagging", {}, {**BUCKET, "Key": "index.html"})


def deleted(*keys, **answer):
    return Step(
        "DeleteObjects", answer, {**BUCKET, "Delete": {"Objects": [{"Key": key} for key in keys], "Quiet": True}}
    )


def invalidation(status="InProgress"):
    about = {"Paths": {"Quantity": 1, "Items": ["/"]}, "CallerReference": "any"}
    return {
        "Invalidation": {"Id": "I1", "Status": status, "CreateTime": "2026-11-29T00:00:00Z", "InvalidationBatch": about}
    }


def forgotten(*paths, answer=None):
    def check(request):
        batch = request["InvalidationBatch"]
        assert batch["CallerReference"]
        assert (request["DistributionId"], batch["Paths"]) == (
            DISTRIBUTION,
            {"Quantity": len(paths), "Items": [*paths]},
        )

    return Step("CreateInvalidation", answer or invalidation(), check)


def looked(status="Completed"):
    return Step("GetInvalidation", invalidation(status), {"DistributionId": DISTRIBUTION, "Id": "I1"})


def run(params, *steps, **kwargs):
    return run_resource(Content, {**PARAMS, "source": None, **params}, *steps, **kwargs)


def refuse(params, *steps, **kwargs):
    return refuse_resource(Content, {**PARAMS, "source": None, **params}, *steps, **kwargs)


def index(text="<h1>", **more):
    return head("index.html", text, **more)


def app(text="1", **more):
    return head("app.js", text, **{"kind": JS, "cache": PLAIN, **more})


# ---- What differs


class TestUpload:
    def test_into_an_empty_bucket_pages_come_after_what_they_need(self, site):
        source = site(
            **{
                "index.html": "<h1>",
                "about/index.html": "<h2>",
                "assets/index-BfX3k9aQ.js": "1",
                "z.css": "a{}",
            }
        )
        css = "text/css; charset=utf-8"
        result, _aws, _module = run(
            {"source": source, "distribution_id": DISTRIBUTION},
            listed(),
            put("z.css", "a{}", css, PLAIN),
            put("assets/index-BfX3k9aQ.js", "1", JS, HASHED),
            put("about/index.html", "<h2>"),
            put("index.html", "<h1>"),
        )
        assert result["uploaded"] == ["about/index.html", "assets/index-BfX3k9aQ.js", "index.html", "z.css"]
        # No edge holds what has never been there.
        assert (result["changed"], result["invalidation"], result["deleted"]) == (True, None, [])
        assert result["diff"]["before"] == {}
        assert result["diff"]["after"]["z.css"] == {
            "size": 3,
            "sha256": sha256("a{}"),
            "content_type": css,
            "cache_control": PLAIN,
        }

    def test_second_run_changes_nothing(self, site):
        result, aws, _module = run(
            {"source": site(), "distribution_id": DISTRIBUTION},
            listed(**{"index.html": "<h1>", "app.js": "1"}),
            tags_of_index(),
            app(),
            index(),
        )
        assert (result["changed"], result["unchanged"], result["invalidation"]) == (False, 2, None)
        # Nothing is downloaded.
        assert "GetObject" not in aws.operations()

    def test_one_changed_file_is_one_object_and_one_invalidation(self, site):
        result, aws, _module = run(
            {"source": site(**{"index.html": "<h1>", "app.js": "2"}), "distribution_id": DISTRIBUTION},
            listed(**{"index.html": "<h1>", "app.js": "1"}),
            tags_of_index(),
            app(),
            index(),
            tagged(**PENDING),
            put("app.js", "2", JS, PLAIN),
            forgotten("/app.js"),
            UNTAGGED,
            looked("InProgress"),
            looked(),
        )
        assert aws.operations().count("PutObject") == aws.operations().count("CreateInvalidation") == 1
        assert result["invalidation"] == {"id": "I1", "paths": ["/app.js"], "status": "Completed"}
        assert result["diff"]["before"]["app.js"]["sha256"] == sha256("1")

    def test_an_index_alone_takes_its_mark_along(self, site):
        run(
            {"source": site(**{"index.html": "<h2>", "app.js": "1"}), "distribution_id": DISTRIBUTION},
            listed(**{"index.html": "<h1>", "app.js": "1"}),
            tags_of_index(owner="me"),
            app(),
            index(),
            put("index.html", "<h2>", tags={"owner": "me", **PENDING}),
            forgotten("/index.html"),
            tagged(owner="me"),
            looked(),
        )

    @pytest.mark.parametrize(
        "harm",
        [
            {"kind": "application/octet-stream"},
            {"cache": "max-age=1"},
            {"Metadata": {"x": "theirs"}},
            {"ContentEncoding": "gzip"},
            {"ContentDisposition": "attachment"},
            {"WebsiteRedirectLocation": "https://example.com"},
            {"StorageClass": "GLACIER"},
            {"ChecksumSHA256": sha256("2")},
            # Of parts, or of one that others have uploaded.
            {"ChecksumSHA256": f"{sha256('1')}-2"},
            {"ChecksumSHA256": None},
        ],
    )
    def test_what_someone_has_changed_is_sent_again(self, site, harm):
        step = app(**harm)
        step.answer = {key: value for key, value in step.answer.items() if value is not None}
        there = listed(**{"index.html": "<h1>", "app.js": "1"})
        result, _aws, _module = run({"source": site()}, there, step, index(), put("app.js", "1", JS, PLAIN))
        assert result["uploaded"] == ["app.js"]

    def test_what_has_another_size_needs_no_look(self, site):
        there = listed(**{"index.html": "<h1>", "app.js": "12"})
        run({"source": site()}, there, index(), put("app.js", "1", JS, PLAIN))

    def test_check_mode_writes_nothing(self, site):
        result, _aws, _module = run(
            {"source": site(), "distribution_id": DISTRIBUTION},
            listed(**{"index.html": "<h1>", "app.js": "12", "old.js": ""}),
            tags_of_index(),
            index(),
            check_mode=True,
        )
        assert (result["changed"], result["uploaded"], result["deleted"]) == (True, ["app.js"], ["old.js"])
        assert result["invalidation"] == {"id": None, "paths": ["/app.js", "/old.js"], "status": None}

    def test_check_mode_before_there_is_a_bucket(self, site):
        gone = Step("ListObjectsV2", api_error("ListObjectsV2", "NoSuchBucket", status=404))
        result, _aws, _module = run({"source": site()}, gone, check_mode=True)
        assert result["uploaded"] == ["app.js", "index.html"]
        gone = Step("ListObjectsV2", api_error("ListObjectsV2", "NoSuchBucket", status=404))
        assert "Make the bucket first" in refuse({"source": site()}, gone)

    def test_throttling_and_lost_replies_are_tried_again(self, site):
        busy = api_error("PutObject", "SlowDown", status=503)
        run(
            {"source": site()},
            listed(),
            put("app.js", "1", JS, PLAIN, answer=busy),
            put("app.js", "1", JS, PLAIN, answer=lost_reply()),
            put("app.js", "1", JS, PLAIN),
            put("index.html", "<h1>"),
        )

    def test_no_page_comes_after_a_failure(self, site):
        wrong = api_error("PutObject", "BadDigest", "The SHA256 you specified did not match")
        told = refuse({"source": site()}, listed(), put("app.js", "1", JS, PLAIN, answer=wrong))
        assert "Could not upload 'app.js' to bucket 'demo' (PutObject): BadDigest" in told
        assert "End what writes into the folder, and run again." in told

    def test_a_key_that_may_not_be_used(self, site):
        denied = api_error("PutObject", "AccessDenied", "not authorized to perform: kms:GenerateDataKey", status=403)
        told = refuse({"source": site()}, listed(), put("app.js", "1", JS, PLAIN, answer=denied))
        assert "Allow kms:GenerateDataKey and kms:Decrypt on the bucket's key" in told


# ---- What is there too much


class TestRemoval:
    THERE = {"index.html": "<h1>", "app.js": "1", "old.js": "0", "config.json": "{}"}

    def test_comes_last_and_leaves_what_is_excluded(self, site):
        source = site(**{"index.html": "<h2>", "app.js": "1"})
        result, _aws, _module = run(
            {"source": source, "exclude": ["config.json"]},
            listed(**self.THERE),
            app(),
            index(),
            put("index.html", "<h2>"),
            deleted("old.js"),
        )
        assert (result["uploaded"], result["deleted"]) == (["index.html"], ["old.js"])

    def test_not_without_purge(self, site):
        result, _aws, _module = run({"source": site(), "purge": False}, listed(**self.THERE), app(), index())
        assert (result["changed"], result["deleted"]) == (False, [])

    def test_an_excluded_file_of_the_folder_stays_there(self, site):
        source = site(**{"index.html": "<h1>", "config.json": "{...}"})
        run(
            {"source": source, "exclude": ["config.json"]}, listed(**{"index.html": "<h1>", "config.json": ""}), index()
        )

    def test_a_thousand_at_a_time(self, site):
        many = [f"old/{number:04}" for number in range(1001)]
        run(
            {"source": site(**{"index.html": "<h1>"})},
            listed(**{"index.html": "<h1>"}, **dict.fromkeys(many, "")),
            index(),
            deleted(*many[:1000]),
            deleted(*many[1000:]),
        )

    def test_one_of_many_that_fails(self, site):
        there = {"index.html": "<h1>", "a.js": "", "b.js": ""}
        source = site(**{"index.html": "<h1>"})
        busy = {"Key": "a.js", "Code": "InternalError", "Message": "We encountered an internal error."}
        run(
            {"source": source},
            listed(**there),
            index(),
            deleted("a.js", "b.js", Errors=[busy]),
            deleted("a.js", "b.js"),
        )
        locked = {"Key": "b.js", "Code": "AccessDenied", "Message": "Access Denied"}
        told = refuse({"source": source}, listed(**there), index(), deleted("a.js", "b.js", Errors=[busy, locked]))
        assert "AccessDenied: Access Denied (2 objects, such as 'b.js'). Allow s3:DeleteObject" in told


# ---- A page until there is a site


class TestOnlyIfEmpty:
    def test_an_empty_bucket_is_filled(self, site):
        params = {"source": site(), "only_if_empty": True, "exclude": ["config.json"]}
        result, _aws, _module = run(
            params, listed(**{"config.json": "{}"}), put("app.js", "1", JS, PLAIN), put("index.html", "<h1>")
        )
        assert (result["changed"], result["left"]) == (True, False)

    def test_a_half_that_a_killed_run_has_left_is_completed(self, site):
        run({"source": site(), "only_if_empty": True}, listed(**{"app.js": "1"}), app(), put("index.html", "<h1>"))

    @pytest.mark.parametrize(
        ("there", "looks"),
        [
            # More than ours; another of the same name, of another size or of the same.
            ({"index.html": "<h1>", "app.js": "1", "main.js": ""}, []),
            ({"index.html": "<h1>theirs"}, []),
            ({"index.html": "<p1>"}, [index("<p1>")]),
        ],
    )
    def test_a_site_is_left_alone(self, site, there, looks):
        result, _aws, _module = run({"source": site(), "only_if_empty": True}, listed(**there), *looks)
        assert (result["changed"], result["left"], result["unchanged"]) == (False, True, len(there))


# ---- What CloudFront is to forget


class TestInvalidation:
    def settled(self, *steps, source, there, before=(), **params):
        return run({"source": source, "distribution_id": DISTRIBUTION, **params}, listed(**there), *before, *steps)

    def test_a_run_that_was_killed_before_it_is_made_up_for(self, site):
        """Of what was removed nothing is left to tell, so everything is forgotten."""
        result, _aws, _module = self.settled(
            app(),
            index(),
            forgotten("/*"),
            UNTAGGED,
            looked(),
            source=site(),
            there={"index.html": "<h1>", "app.js": "1"},
            before=[tags_of_index(**PENDING)],
        )
        assert result == {**result, "changed": True, "uploaded": [], "deleted": []}
        assert result["invalidation"]["paths"] == ["/*"]

    def test_so_is_one_in_check_mode(self, site):
        result, _aws, _module = run(
            {"source": site(), "distribution_id": DISTRIBUTION},
            listed(**{"index.html": "<h1>", "app.js": "1"}),
            tags_of_index(**PENDING),
            app(),
            index(),
            check_mode=True,
        )
        assert (result["changed"], result["invalidation"]["paths"]) == (True, ["/*"])

    def test_where_there_is_no_index_to_remember_by_everything_is_forgotten(self, site):
        """The next run knows, until index.html is there, which bears the mark."""
        self.settled(
            app(),
            put("index.html", "<h1>", tags=PENDING),
            forgotten("/*"),
            UNTAGGED,
            looked(),
            source=site(),
            there={"app.js": "1"},
        )

    def test_beyond_the_limit_it_is_one_path_for_all(self, site):
        there = {"index.html": "<h1>", **{f"{name}.js": "" for name in "abc"}}
        source = site(**{"index.html": "<h1>"})
        steps = [index(), tagged(**PENDING), deleted("a.js", "b.js", "c.js")]
        end = [UNTAGGED, looked()]
        before = [tags_of_index()]
        self.settled(*steps, forgotten("/*"), *end, source=source, there=there, before=before, max_paths=2)
        paths = ("/a.js", "/b.js", "/c.js")
        self.settled(*steps, forgotten(*paths), *end, source=source, there=there, before=before, max_paths=3)

    def test_too_many_in_progress_are_waited_for(self, site, clock):
        busy = api_error("CreateInvalidation", "TooManyInvalidationsInProgress")
        start = [index(), put("index.html", "<h2>", tags=PENDING)]
        there, before = {"index.html": "<h1>"}, [tags_of_index()]
        source = site(**{"index.html": "<h2>"})
        result, _aws, _module = self.settled(
            *start,
            *[forgotten("/index.html", answer=busy)] * 20,
            forgotten("/index.html", answer=lost_reply()),
            forgotten("/index.html"),
            UNTAGGED,
            looked(),
            source=source,
            there=there,
            before=before,
        )
        assert result["invalidation"]["status"] == "Completed"
        assert clock[0] > 180
        told = refuse(
            {"source": source, "distribution_id": DISTRIBUTION, "wait_timeout": 60},
            listed(**there),
            *before,
            *start,
            *endless(forgotten("/index.html", answer=busy)),
        )
        assert "Wait until earlier invalidations are over, or raise wait_timeout, and run again." in told

    def test_a_lost_reply_makes_no_second_one(self, site):
        references = []

        def remember(answer):
            return Step("CreateInvalidation", answer, lambda request: references.append(request["InvalidationBatch"]))

        self.settled(
            index(),
            put("index.html", "<h2>", tags=PENDING),
            remember(lost_reply()),
            remember(invalidation()),
            UNTAGGED,
            looked(),
            source=site(**{"index.html": "<h2>"}),
            there={"index.html": "<h1>"},
            before=[tags_of_index()],
        )
        assert references[0] == references[1]

    def test_not_waited_for(self, site):
        result, _aws, _module = self.settled(
            index(),
            put("index.html", "<h2>", tags=PENDING),
            forgotten("/index.html"),
            UNTAGGED,
            source=site(**{"index.html": "<h2>"}),
            there={"index.html": "<h1>"},
            before=[tags_of_index()],
            wait=False,
        )
        assert result["invalidation"]["status"] == "InProgress"

    def test_one_that_takes_too_long(self, site):
        told = refuse(
            {"source": site(**{"index.html": "<h2>"}), "distribution_id": DISTRIBUTION, "wait_timeout": 30},
            listed(**{"index.html": "<h1>"}),
            tags_of_index(),
            index(),
            put("index.html", "<h2>", tags=PENDING),
            forgotten("/index.html"),
            UNTAGGED,
            *endless(looked("InProgress")),
        )
        assert f"Invalidation I1 of distribution '{DISTRIBUTION}' is still InProgress after 30 s." in told

    def test_a_distribution_that_does_not_exist(self, site):
        gone = api_error("CreateInvalidation", "NoSuchDistribution", status=404)
        told = refuse(
            {"source": site(**{"index.html": "<h2>"}), "distribution_id": DISTRIBUTION},
            listed(**{"index.html": "<h1>"}),
            tags_of_index(),
            index(),
            put("index.html", "<h2>", tags=PENDING),
            forgotten("/index.html", answer=gone),
        )
        assert "Correct distribution_id" in told

    def test_more_paths_than_cloudfront_takes(self, site):
        assert "CloudFront takes 0 to 3000" in refuse({"source": site(), "max_paths": 3001})

    @pytest.mark.parametrize(
        ("key", "path"),
        [
            ("assets/a.js", "/assets/a.js"),
            ("two words.html", "/two%20words.html"),
            ("ärger.html", "/%C3%A4rger.html"),
            ("a*.html", "/a%2A.html"),
            ("50%?#.html", "/50%25%3F%23.html"),
            ("a+b~c=(1).js", "/a+b~c=(1).js"),
        ],
    )
    def test_a_path(self, key, path):
        assert website.edge_path(key) == path


# ---- Single objects


class TestObjects:
    TYPE = "application/json; charset=utf-8"

    def test_one_is_made_without_looking_at_the_others(self):
        result, _aws, _module = run(
            {"objects": [CONFIG]}, no_head("config.json"), put("config.json", "{}", self.TYPE, "no-store")
        )
        assert (result["uploaded"], result["size"]) == (["config.json"], 2)

    def test_and_stays(self):
        there = head("config.json", "{}", self.TYPE, "no-store")
        result, _aws, _module = run({"objects": [CONFIG]}, there)
        assert result["changed"] is False

    def test_one_is_removed(self):
        there = head("config.json", "{}", self.TYPE, "no-store")
        gone = {**CONFIG, "content": None, "state": "absent"}
        result, _aws, _module = run({"objects": [gone]}, there, deleted("config.json"))
        assert result["deleted"] == ["config.json"]
        result, _aws, _module = run({"objects": [gone]}, no_head("config.json"))
        assert result["changed"] is False

    def test_besides_a_folder_that_leaves_it_alone(self, site):
        source = site(**{"index.html": "<h1>", "config.json": "of the folder"})
        run(
            {"source": source, "exclude": ["*.json"], "objects": [CONFIG]},
            listed(**{"index.html": "<h1>", "config.json": "old", "other.json": ""}),
            index(),
            put("config.json", "{}", self.TYPE, "no-store"),
        )

    def test_twice(self):
        assert "'config.json' is there more than once" in refuse({"objects": [CONFIG, CONFIG]})

    def test_no_permission_to_look(self):
        denied = api_error("HeadObject", "403", "Forbidden", status=403)
        told = refuse({"objects": [CONFIG]}, Step("HeadObject", denied))
        assert "Allow s3:GetObject and s3:ListBucket" in told


# ---- The folder


class TestFolder:
    def test_hidden_files_stay_at_home(self, site):
        source = site(
            **{
                "index.html": "",
                ".env": "SECRET=1",
                ".git/config": "",
                "a/.DS_Store": "",
                ".well-known/security.txt": "",
            }
        )
        assert sorted(website.items(source, [], [], {})) == [".well-known/security.txt", "index.html"]

    @pytest.mark.parametrize("target", ["/etc/passwd", "index.html", "."])
    def test_a_link(self, site, target):
        source = site()
        os.symlink(target, f"{source}/link.html")
        assert f"'{source}/link.html' is a link, and may lead outside" in refuse({"source": source})

    def test_the_folder_itself_may_be_a_link(self, site, tmp_path):
        os.symlink(site(), tmp_path / "current")
        assert set(website.items(str(tmp_path / "current"), [], [], {})) == {"app.js", "index.html"}

    def test_what_is_no_file(self, site):
        source = site()
        os.mkfifo(f"{source}/pipe")
        assert "'" + source + "/pipe' is not a file" in refuse({"source": source})

    def test_no_folder_and_no_index(self, site, tmp_path):
        assert "is no folder" in refuse({"source": str(tmp_path / "none")})
        assert "has no index.html" in refuse({"source": site(**{"app.js": ""})})
        assert "has no index.html" in refuse({"source": site(**{"index.html": ""}), "exclude": ["*.html"]})

    def test_sizes(self, site, monkeypatch):
        monkeypatch.setattr(website, "LARGEST", 3)
        assert "has 4 bytes, S3 takes 3 at once" in refuse({"source": site()})

    def test_names(self, site, monkeypatch):
        assert "has characters that don't print" in refuse({"source": site(**{"index.html": "", "a\nb": ""})})
        monkeypatch.setattr(website, "LONGEST_KEY", 4)
        os.unlink(f"{site()}/a\nb")
        assert "bytes, S3 takes 4" in refuse({"source": site()})

    def test_a_name_that_is_not_utf_8(self, site):
        source = site()
        with open(os.fsencode(source) + b"/\xff.txt", "w"):
            pass
        assert "is not UTF-8" in refuse({"source": source})


# ---- Headers


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("index.html", HTML),
        ("A.HTML", HTML),
        ("app.mjs", JS),
        ("style.css", "text/css; charset=utf-8"),
        ("data.json", "application/json; charset=utf-8"),
        ("site.webmanifest", "application/manifest+json; charset=utf-8"),
        ("logo.svg", "image/svg+xml; charset=utf-8"),
        ("feed.xml", "application/xml; charset=utf-8"),
        ("robots.txt", "text/plain; charset=utf-8"),
        ("font.woff2", "font/woff2"),
        ("module.wasm", "application/wasm"),
        ("favicon.ico", "image/vnd.microsoft.icon"),
        ("clip.mp4", "video/mp4"),
        ("noending", "application/octet-stream"),
        ("dir.js/noending", "application/octet-stream"),
        ("what.unheardof", "application/octet-stream"),
    ],
)
def test_content_types(key, kind):
    assert website.content_type(key) == kind


def test_content_types_of_ones_own_come_first():
    own = {".glb": "model/gltf-binary", ".html": "text/html", ".tar.gz": "application/x-gtar"}
    kinds = [website.content_type(key, own) for key in ("a.glb", "a.html", "a.tar.gz", "a.gz")]
    assert kinds == ["model/gltf-binary", "text/html", "application/x-gtar", "application/gzip"]


@pytest.mark.parametrize(
    "name",
    [
        "assets/index-BfX3k9aQ.js",
        "main.3f2a9c1b.css",
        "main.3f2a9c1b.chunk.js",
        "app-XKJD7Q2A.js",
        "logo.d41d8cd98f00b204e9800998ecf8427e.svg",
    ],
)
def test_a_digest_in_a_name(name):
    assert website.has_digest(name)


@pytest.mark.parametrize(
    "name",
    [
        "app.js",
        "bootstrap-datepicker.js",
        "jquery-3.7.1.min.js",
        "report-20260101.pdf",
        "roboto-v30latin.woff2",
        "photo-IMG20260101.jpg",
        "Report-Summary2026.pdf",
        "deadbeef-facade.js",
        "x.feedface.js",
        "BfX3k9aQ/app.js",
        "3f2a9c1b",
    ],
)
def test_no_digest_in_a_name(name):
    """A name that keeps its content for a year by mistake is worse than one that doesn't."""
    assert not website.has_digest(name)


def test_rules_for_caches():
    rules = [
        {"pattern": "static/*", "cache_control": "max-age=60"},
        {"pattern": "*.html", "cache_control": "max-age=5"},
    ]
    keys = ("static/a/b.html", "a.html", "app.js")
    assert [website.cache_control(key, website.content_type(key), rules) for key in keys] == [
        "max-age=60",
        "max-age=5",
        PLAIN,
    ]
