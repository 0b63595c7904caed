"""What dashboards and analytics answer, for /openapi.json."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel

Row = dict[str, Any]


class SystemOverview(BaseModel):
    """The whole platform."""

    totalUsers: int
    activeUsers: int
    totalAgents: int
    activeAgents: int
    totalPolicies: int
    activePolicies: int
    totalPremium: float
    monthlyRevenue: float
    activeSessions: int
    systemHealth: str
    apiCalls24h: int
    pendingApprovals: int


class ProviderOverview(BaseModel):
    """One provider."""

    totalAgents: int
    activeAgents: int
    totalPolicies: int
    monthlyRevenue: float
    pendingVerifications: int
    topPerformingAgents: list[Row]
    recentPolicies: list[Row]


class RegionalStats(BaseModel):
    """Policies and people of a region."""

    totalPolicies: int
    activePolicies: int
    totalCustomers: int


class RegionalOverview(BaseModel):
    """One region."""

    totalAgents: int
    activeAgents: int
    regionalRevenue: float
    monthlyGrowth: float
    topPerformers: list[Row]
    regionalStats: RegionalStats


class PersonalStats(BaseModel):
    """What an agent sold."""

    totalPoliciesSold: int
    totalPremiumCollected: float
    activePolicyholders: int
    conversionRate: float


class TeamStats(BaseModel):
    """What the agents below sold."""

    teamSize: int
    teamPolicies: int
    teamRevenue: float


class SeniorOverview(BaseModel):
    """A senior agent."""

    personalStats: PersonalStats
    teamStats: TeamStats
    monthlyRevenue: float
    pendingTasks: int
    topCustomers: list[Row]
    recentActivities: list[Row]


class RecentPolicy(BaseModel):
    """A policy in short."""

    id: str
    policyNumber: str
    premium: float
    status: str


class Analytics(BaseModel):
    """Premiums, policies, claims."""

    totalPremium: float
    policiesCount: int
    claimsCount: int
    recentPolicies: list[RecentPolicy]
    recentClaims: list[Row]


class TopAgent(BaseModel):
    """An agent among the best."""

    agent_id: str
    name: str | None
    policies_sold: int
    premium_collected: float


class Comprehensive(BaseModel):
    """The comprehensive dashboard."""

    total_agents: int
    active_agents: int
    total_policies: int
    total_premium: float
    monthly_growth: dict[str, float]
    top_agents: list[TopAgent]
    generated_at: datetime


class ComprehensiveAnswer(BaseModel):
    """Its envelope."""

    success: bool
    generated_at: datetime
    data: Comprehensive


class Kpis(BaseModel):
    """Key figures of a month."""

    total_policies: int
    active_policies: int
    total_premium_collected: float
    monthly_premium_collected: float
    total_customers: int
    active_customers: int
    new_customers_this_month: int
    customer_satisfaction_score: float | None
    conversion_rate: float
    average_policy_value: float


class RankedAgent(BaseModel):
    """An agent with their rank by premium collected."""

    id: str
    name: str | None
    value: float
    rank: int
    change_percentage: float | None


class CurrentMonth(BaseModel):
    """The month of the report."""

    kpis: Kpis
    top_agents: list[RankedAgent]


class Report(BaseModel):
    """The summary report."""

    generated_at: datetime
    current_month: CurrentMonth


class AgentPerformance(BaseModel):
    """How one agent does."""

    agent_id: str
    period: str
    metrics: dict[str, float]
    trends: list[Row]
    comparison: dict[str, float]
