"""Roles, quotas, and every call that changes or shows stored data.

The library knows neither visitors nor administrators. Pages call these functions instead of
the library's, and each function checks first what the person at the browser may do.
"""
