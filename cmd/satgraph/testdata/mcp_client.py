"""Talks to satgraph's MCP server with the official Python client.

Usage: mcp_client.py URL, or mcp_client.py PROGRAM ARGUMENT...
"""

import asyncio
import json
import os
import sys

from mcp import Client, StdioServerParameters


async def main() -> None:
    first, *rest = sys.argv[1:]
    where = first
    if not first.startswith("http"):
        where = StdioServerParameters(command=first, args=rest, env=dict(os.environ))
    async with Client(where) as client:

        async def call(tool: str, **arguments):
            result = await client.call_tool(tool, arguments)
            if result.is_error:
                print("error", result.content[0].text.split(":")[0])
                return None
            return result.structured_content

        print(client.server_info.name)
        found = await call("find_term", text="LK")
        print(found["terms"][0]["name"], found["terms"][0]["id"])
        plan = await call("what_can_be_segmented", query="liver", modality="ct")
        print(plan["terms"][0]["name"], plan["terms"][0]["byModel"])
        await call("what_can_be_segmented", query="lefft kidny")
        result = await client.call_tool("find_term", {"text": "x" * 5000})
        print("error" if result.is_error and len(result.content[0].text) < 2100 else result)
        skeleton = await call("findings_skeleton", draft="The liver is normal. No renal cyst.", modality="ct")
        print("sentences", len(skeleton["sentences"]), "ungrounded", len(skeleton["ungrounded"]))
        classes = await client.read_resource("satgraph://classes")
        print("class", next(c["class"] for c in json.loads(classes.contents[0].text) if c["class"] == "liver"))
        await call("measure", job="NOSUCHJOB")


asyncio.run(main())
