"""Tokens by Microsoft Entra ID: of a service principal in the environment, of a workload or a managed identity.

https://learn.microsoft.com/azure/ai-foundry/openai/how-to/managed-identity
https://learn.microsoft.com/python/api/azure-identity/azure.identity.defaultazurecredential
"""

from __future__ import annotations

from urllib.parse import urlsplit

from azure.core.exceptions import ClientAuthenticationError
from azure.identity import DefaultAzureCredential

from gateway.signing.bearer import Token
from gateway.signing.fetch import NoCredential

_CLOUDS = {
    "azure.us": ("https://cognitiveservices.azure.us/.default", "login.microsoftonline.us"),
    "azure.cn": ("https://cognitiveservices.azure.cn/.default", "login.chinacloudapi.cn"),
}
"""What a token is for, and who gives it, by the end of the host. https://learn.microsoft.com/azure/azure-government/"""
_SCOPE = "https://cognitiveservices.azure.com/.default"
_PROJECT_SCOPE = "https://ai.azure.com/.default"
"""Of Foundry's projects: https://learn.microsoft.com/azure/ai-foundry/how-to/develop/sdk-overview"""


class EntraTokens:
    """A source for ``Bearer``, for the resource at ``base_url``."""

    def __init__(self, base_url: str) -> None:
        self.scope, authority = audience(base_url)
        # None leaves it to AZURE_AUTHORITY_HOST.
        self._credential = DefaultAzureCredential(authority=authority) if authority else DefaultAzureCredential()

    def __call__(self) -> Token:
        """A token, fetched now, or the library's own where that has long to go. Blocks. Raises NoCredential."""
        try:
            token = self._credential.get_token(self.scope)
        except ClientAuthenticationError:
            raise NoCredential(
                "Entra ID gave no token by any way of DefaultAzureCredential: set AZURE_CLIENT_ID, AZURE_TENANT_ID and "
                "AZURE_CLIENT_SECRET, or run where there is a managed identity"
            ) from None
        return Token(token.token, float(token.expires_on))

    def __repr__(self) -> str:
        return f"<EntraTokens for {self.scope}>"


def audience(base_url: str) -> tuple[str, str | None]:
    """The scope of a token for ``base_url``, and the authority that gives it where it is not the usual one."""
    parts = urlsplit(base_url)
    host = (parts.hostname or "").lower()
    for end, (scope, authority) in _CLOUDS.items():
        if host.endswith("." + end):
            return scope, authority
    return (_PROJECT_SCOPE if "/api/projects/" in parts.path + "/" else _SCOPE), None
