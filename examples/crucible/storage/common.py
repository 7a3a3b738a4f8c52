import os
import pathlib

import redis

FILES = pathlib.Path(os.environ.get("FILES", "/data/files"))
queue = redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)
