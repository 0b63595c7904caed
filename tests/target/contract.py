"""The fields of the API contract, part D, written down a second time, independently of the catalogue.

? = the value may be null.
"""

from __future__ import annotations

from typing import Any

ACCOUNT_FIELDS = (
    "user_id email? phone_number? first_name? last_name? display_name? role status phone_verified? email_verified?"
    " last_login_at? created_at? updated_at?"
)
POLICY = (
    "policy_id policy_number provider_policy_id? policyholder_id agent_id provider_id policy_type plan_name plan_code?"
    " category? sum_assured premium_amount premium_frequency premium_mode? application_date approval_date? start_date"
    " maturity_date? renewal_date? status sub_status? payment_status total_payments? outstanding_amount?"
    " next_payment_date? created_at? updated_at? policyholder_info? agent_info? provider_info?"
)
PREMIUM = "id amount payment_date due_date status transaction_id? payment_method payment_gateway"
AGENT = (
    "agent_id user_id agent_code license_number business_name territory? total_policies_sold total_premium_collected"
    " active_policyholders status verification_status hierarchy_level sub_agents_count user_profile"
)
METRICS = (
    "total_policies total_premium conversion_rate customer_satisfaction? monthly_growth active_customers"
    " leads_generated quotes_created presentations_delivered"
)
LEAD = (
    "lead_id customer_name contact_number email? lead_source lead_status priority insurance_type created_at"
    " last_contact_at? agent_name"
)
FLAG = "flag_id flag_name flag_description flag_type is_enabled tenant_id? created_at updated_at"
TICKET = "ticket_id subject description status priority customer_id policy_id? assigned_to? created_at updated_at"
DASHBOARDS = {
    "dashboard.system": (
        "totalUsers activeUsers totalAgents activeAgents totalPolicies activePolicies totalPremium monthlyRevenue"
        " activeSessions systemHealth apiCalls24h pendingApprovals"
    ),
    "dashboard.provider": (
        "totalAgents activeAgents totalPolicies monthlyRevenue pendingVerifications topPerformingAgents recentPolicies"
    ),
    "dashboard.regional": "totalAgents activeAgents regionalRevenue monthlyGrowth topPerformers regionalStats",
    "dashboard.senior_agent": ("personalStats teamStats monthlyRevenue pendingTasks topCustomers recentActivities"),
    "dashboard.analytics": "totalPremium policiesCount claimsCount recentPolicies recentClaims",
}
COMPREHENSIVE = "total_agents active_agents total_policies total_premium monthly_growth top_agents generated_at"
REPORT_KPIS = (
    "total_policies active_policies total_premium_collected monthly_premium_collected total_customers"
    " active_customers new_customers_this_month customer_satisfaction_score? conversion_rate average_policy_value"
)
ANALYTICS_AGENT = "agent_id period metrics trends comparison"
OPERATIONS = {
    "users.list": ACCOUNT_FIELDS,
    "users.read": ACCOUNT_FIELDS,
    "users.me": ACCOUNT_FIELDS,
    "flags.list": FLAG,
    **DASHBOARDS,
    "analytics.comprehensive": COMPREHENSIVE,
    "analytics.reports": REPORT_KPIS,
    "analytics.agent": ANALYTICS_AGENT,
    "agents.read": AGENT,
    "agents.profile": AGENT,
    "agents.performance": METRICS,
    "policies.list": POLICY,
    "policies.read": POLICY,
    "policies.create": POLICY,
    "policies.premiums": PREMIUM,
    "leads.list": LEAD,
    "tickets.list": TICKET,
    "tickets.read": TICKET,
}
"""Operation → the fields its object, or each of its rows, has."""


def row(fields: str, **known: Any) -> dict[str, Any]:
    """A row with all these fields; those not given hold some text."""
    return {name: f"some {name}" for name in fields.replace("?", "").split()} | known


def promised(fields: str) -> set[str]:
    """The names that may not be null."""
    return {name for name in fields.split() if not name.endswith("?")}
